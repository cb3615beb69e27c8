#!/usr/bin/env node
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');

// Each command is a file of its own, so that a start reads that one; main.js is for help and for words that are none.
const dist = join(__dirname, '../dist');
const argv = process.argv.slice(2);
const called = argv.find((word) => word !== 'help' && !word.startsWith('-')) ?? '';
const own = join(dist, `${called}.js`);
const { main } = require(/^[a-z][a-z-]*$/.test(called) && existsSync(own) ? own : join(dist, 'main.js'));

void main(argv).then((code) => {
  process.exitCode = code;
  // The SDK of AWS Private CA leaves a timer of 25 seconds behind each connection that fails. This one holds nothing up.
  setTimeout(() => process.exit(), 100).unref();
});
