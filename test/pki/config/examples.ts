/** A file of settings, and what is to be said of it. */
export interface Example {
  what: string;
  yaml: string;
  good: boolean;
  /** What a schema cannot say: a rule of names, a word that another part of the file must hold. */
  beyondSchema?: boolean;
}

const certificate = (lines: string): string =>
  `certificates:\n  orders.internal:\n${lines.replace(/^/gm, '    ')}\n`;

const good: Readonly<Record<string, string>> = {
  'nothing at all': '',
  'a comment': '# nothing yet\n',
  'empty sections': 'authorities:\ndefaults:\ncertificates:\n',
  'a certificate without a line of its own': 'certificates:\n  orders.internal:\n',
  'a wildcard, an address and a URI as keys':
    'certificates:\n  "*.shop.internal": {}\n  10.0.0.7: {}\n  spiffe://corp/ns/shop/sa/orders: {}\n',
  'a key that is no host name, with names': 'certificates:\n  web_1:\n    names: [web.internal]\n',
  'every kind of authority': `authorities:
  corp: ./ca
  other: /srv/ca
  prod: arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555
  public: acm
  private: acm:arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555
`,
  'an authority of a certificate': certificate('ca: ./ca'),
  'every key of a certificate, whichever authority they are for':
    certificate(`names: [orders.internal, 10.0.0.7, "spiffe://corp/ns/shop/sa/orders", ops@corp.example]
usage: server
keyType: rsa-3072
reuseKey: true
lifetime: 1d12h
notBefore: 2027-01-31T12:00:00Z
clamp: false
subject: CN=orders,O=Shop
crlUrls: [http://pki.internal/ca.crl]
ocspUrls: [https://pki.internal/ocsp]
issuerUrls: [ldap://pki.internal/cn=ca]
formats: [pair, der]
owner: nginx
group: 101
mode: "0640"
template: EndEntityCertificate/V1
signingAlgorithm: SHA256WITHECDSA
exportable: false
validation: dns
renewAt: 66%
spread: 6h
keep: 3
deploy:
  run: [./reload, --now, ""]
  signal: HUP
  pidfile: /run/nginx.pid
  systemd: nginx@one.service
  timeout: 90s
  acm: ["arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"]
  confirm:
    servers: [127.0.0.1:8443, "[::1]:8443"]
    name: orders.internal
    startTls: postgres
    client: client.internal
    key: ./client.key
    timeout: 1m
  onFailure: keep
  rehearse: ./peer
  group: galera`),
  'a deploy in few words': certificate('deploy: { systemd: nginx.service, confirm: 127.0.0.1:8443 }'),
  'several servers': certificate('deploy: { confirm: [127.0.0.1:8443, db.internal:5432] }'),
  'what is shared by all': `defaults: { deploy: { run: [systemctl, reload, nginx] } }\n${certificate('')}`,
  'outputs of a trust bundle': `trust: { peers: { authorities: [./ca] } }
${certificate(`outputs:
  - { path: tls/trust.pem, content: trust, bundle: peers }
  - { path: tls/crl.pem, content: crl, bundle: default }
  - { path: tls/secret.yaml, content: kubernetes-secret, bundle: peers }`)}`,
  'every output': certificate(`outputs:
  - { path: /etc/haproxy/certs/orders.pem, content: pair, owner: haproxy, group: 101, mode: "0600" }
  - { path: tls/key.pem, content: key, passphrase: "file:pass" }
  - { path: tls/cert.pem, content: cert, mode: "0640" }
  - { path: tls/chain.pem, content: chain }
  - { path: tls/fullchain.pem, content: fullchain }
  - { path: tls/trust.pem, content: trust }
  - { path: tls/crl.pem, content: crl }
  - { path: tls/cert.der, content: der }
  - { path: tls/new.p12, content: p12, passphrase: "env:STORE_PASS", alias: orders }
  - { path: tls/old.p12, content: p12, passphrase: "credential:store-pass", encryption: legacy }
  - { path: tls/secret.yaml, content: kubernetes-secret, name: orders-tls, namespace: shop }`),
  'a window': certificate(
    'window: { days: [sat, sun], from: "02:00", to: "05:00", timeZone: Europe/Berlin }',
  ),
  'windows, and one over midnight': certificate(
    'reissueOnExposure: true\nwindow: [{ from: "22:00", to: "04:00" }, { days: [sun] }]',
  ),
  'no outputs': certificate('outputs: []'),
  'a point before the end': certificate('renewAt: 1d12h-before'),
  'a share of the life to spread over': certificate('spread: 5%'),
  'an end in place of a lifetime': certificate('notAfter: 2027-01-31'),
  'an end over a default lifetime': `defaults: { lifetime: 30d }\n${certificate('notAfter: 2027-01-31')}`,
  'an alias': `authorities: { corp: ./ca }\ndefaults: { ca: corp }\n${certificate('usage: client')}`,
  'an anchor and its alias': `certificates:
  a.internal: &web { usage: server, lifetime: 12h }
  b.internal: *web
`,
  'JSON, which is YAML too': '{"certificates": {"orders.internal": {"usage": "mtls"}}}',
  'an empty list that takes the default URLs away': `defaults: { crlUrls: [http://pki.internal/ca.crl] }
${certificate('crlUrls: []')}`,
};

const bad: Readonly<Record<string, string>> = {
  'a list': '- orders.internal\n',
  'an unknown section': 'certificate: {}\n',
  'an unknown key': certificate('lifetme: 30d'),
  'an unknown key of the defaults': 'defaults: { names: [orders.internal] }\n',
  'a list of certificates': 'certificates: [orders.internal]\n',
  'a value in place of a certificate': 'certificates: { orders.internal: 30d }\n',
  'a usage that is none': certificate('usage: both'),
  'a key type that is none': certificate('keyType: rsa-1024'),
  'a bare number as lifetime': certificate('lifetime: 30'),
  'a lifetime without a unit': certificate('lifetime: "30"'),
  'a lifetime of nothing': certificate('lifetime: 0d'),
  'a lifetime with a fraction': certificate('lifetime: 1.5h'),
  'a point before the end without a unit': certificate('renewAt: 20-before'),
  'all of a life': certificate('renewAt: 100%'),
  'a spread over more than half a life': certificate('spread: 51%'),
  'a spread without a unit': certificate('spread: "6"'),
  'a number that is no user': certificate('owner: 4294967295'),
  'servers that are none': certificate('deploy: { confirm: [] }'),
  'none that is kept': certificate('keep: 0'),
  'a part of one that is kept': certificate('keep: 1.5'),
  'a number that is kept, as text': certificate('keep: "3"'),
  'outputs of all certificates at one place': 'defaults: { outputs: [{ path: a.pem, content: pair }] }\n',
  'a window on a day that is none': certificate('window: { days: [caturday] }'),
  'a window on no day': certificate('window: { days: [] }'),
  'a window with an hour that is none': certificate('window: { from: "25:00" }'),
  'a window that is a time': certificate('window: "02:00"'),
  'a window with an unknown key': certificate('window: { day: [sat] }'),
  'an output without a content': certificate('outputs: [{ path: a.pem }]'),
  'an output without a path': certificate('outputs: [{ content: pair }]'),
  'an output that is a path': certificate('outputs: [a.pem]'),
  'one output in place of a list': certificate('outputs: { path: a.pem, content: pair }'),
  'an output of an unknown content': certificate('outputs: [{ path: a.jks, content: jks }]'),
  'an output with an unknown key': certificate('outputs: [{ path: a.pem, content: pair, user: haproxy }]'),
  'an output that is a folder': certificate('outputs: [{ path: tls/, content: pair }]'),
  'an output in a home folder': certificate('outputs: [{ path: ~/a.pem, content: pair }]'),
  'a key that everybody reads': certificate('outputs: [{ path: a.pem, content: pair, mode: "0644" }]'),
  'a certificate that everybody writes': certificate(
    'outputs: [{ path: a.pem, content: cert, mode: "0666" }]',
  ),
  'PKCS#12 without a passphrase': certificate('outputs: [{ path: a.p12, content: p12 }]'),
  'a passphrase in the file': certificate('outputs: [{ path: a.p12, content: p12, passphrase: changeit }]'),
  'a passphrase of a certificate': certificate(
    'outputs: [{ path: a.pem, content: cert, passphrase: env:P }]',
  ),
  'an alias of PEM': certificate('outputs: [{ path: a.pem, content: pair, alias: a }]'),
  'a trust bundle of a key': certificate('outputs: [{ path: a.pem, content: key, bundle: default }]'),
  'a trust bundle with a slash': certificate('outputs: [{ path: a.pem, content: trust, bundle: ../x }]'),
  'a namespace of PEM': certificate('outputs: [{ path: a.pem, content: pair, namespace: a }]'),
  'a secret with capitals': certificate('outputs: [{ path: a.yaml, content: kubernetes-secret, name: A }]'),
  'a lifetime and an end': certificate('lifetime: 30d\nnotAfter: 2027-01-31'),
  'a time that is none': certificate('notAfter: tomorrow'),
  'yes in place of true': certificate('reuseKey: yes'),
  'a mode without quotes, which is a number': certificate('mode: 0600'),
  'a mode for everybody': certificate('mode: "0644"'),
  'a mode that runs': certificate('mode: "0700"'),
  'one name in place of a list': certificate('names: orders.internal'),
  'no names in a list': certificate('names: []'),
  'a name with a space': certificate('names: [orders internal]'),
  'a number as a name': certificate('names: [12]'),
  'a list in a list': certificate('names: [[orders.internal]]'),
  'an empty value': certificate('usage:'),
  'a URL of another kind': certificate('crlUrls: ["file:///ca.crl"]'),
  'an unknown format': certificate('formats: [p12]'),
  'a subject that is none': certificate('subject: orders'),
  'an owner with a colon': certificate('owner: "nginx:nginx"'),
  'a negative owner': certificate('owner: -1'),
  'an ARN of something else':
    'authorities: { prod: "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-2222-3333-4444-555555555555" }\n',
  'an ARN cut short': certificate('ca: arn:aws:acm-pca:eu-west-1'),
  'acm with something that is no ARN': certificate('ca: acm:corp'),
  'a command line in place of a list': certificate('deploy: { run: systemctl reload nginx }'),
  'a command without a word': certificate('deploy: { run: [] }'),
  'a number among the arguments': certificate('deploy: { run: [sleep, 1] }'),
  'no ARN of a certificate': certificate(
    'deploy: { acm: "arn:aws:acm-pca:eu-west-1:123456789012:certificate/1" }',
  ),
  'a deploy that does nothing': certificate('deploy: { onFailure: keep }'),
  'an empty deploy': certificate('deploy:'),
  'a signal for nobody': certificate('deploy: { signal: HUP }'),
  'a pidfile without a signal': certificate('deploy: { pidfile: /run/nginx.pid, run: ["true"] }'),
  'a signal that kills': certificate('deploy: { signal: KILL, pidfile: /run/nginx.pid }'),
  'a unit with a space': certificate('deploy: { systemd: "nginx reload" }'),
  'an option in place of a unit': certificate('deploy: { systemd: --now }'),
  'a server without a port': certificate('deploy: { confirm: localhost }'),
  'no servers': certificate('deploy: { confirm: [] }'),
  'a confirmation without servers': certificate('deploy: { confirm: { name: a.internal } }'),
  'an unknown key of a deploy': certificate('deploy: { run: ["true"], shell: true }'),
  'an unknown key of a confirmation': certificate('deploy: { confirm: { servers: "a:1", port: 1 } }'),
  'another way out': certificate('deploy: { run: ["true"], onFailure: ignore }'),
  'a bare number as time-out': certificate('deploy: { run: ["true"], timeout: 60 }'),
  'an alias called acm': 'authorities: { acm: ./ca }\n',
  'an alias with a slash': 'authorities: { a/b: ./ca }\n',
  'an authority that is a mapping': 'authorities: { corp: { path: ./ca } }\n',
  'a home folder, which only a shell knows': 'authorities: { corp: ~/ca }\n',
  'a merge key, which YAML 1.2 has not': certificate('<<: { usage: client }'),
};

const badBeyondSchema: Readonly<Record<string, string>> = {
  'a window that never opens': certificate('window: { from: "02:00", to: "02:00" }'),
  'a time zone that is none': certificate('window: { timeZone: Europe/Atlantis }'),
  'two outputs at one place': certificate(
    'outputs: [{ path: a.pem, content: pair }, { path: ./a.pem, content: cert }]',
  ),
  'outputs of two certificates at one place': `certificates:
  a.internal: { outputs: [{ path: /srv/tls.pem, content: pair }] }
  b.internal: { outputs: [{ path: /srv/x/../tls.pem, content: pair }] }
`,
  'a trust bundle that is not declared': certificate(
    'outputs: [{ path: a.pem, content: crl, bundle: peers }]',
  ),
  'a secret by a name that Kubernetes does not take':
    'certificates: { "*.shop.internal": { outputs: [{ path: a.yaml, content: kubernetes-secret }] } }\n',
  'an authority that is not declared': `authorities: { corp: ./ca }\n${certificate('ca: crop')}`,
  'a key that is no host name, without names': 'certificates: { web_1: {} }\n',
  'a network as a name': certificate('names: [10.0.0.0/8]'),
  'a label of 64 letters': certificate(`names: [${'a'.repeat(64)}.internal]`),
  'a day that no month has': certificate('notAfter: 2027-02-30'),
  'an attribute that is none': certificate('subject: XX=orders'),
  'one certificate in two spellings': 'certificates: { orders.internal: {}, Orders.Internal: {} }\n',
  'a key given twice': 'certificates:\n  orders.internal: {}\n  orders.internal: {}\n',
  'a time-out of days': certificate('deploy: { run: ["true"], timeout: 2d }'),
  'a program in no folder in particular': certificate('deploy: { run: [bin/reload] }'),
  'a port beyond the last': certificate('deploy: { confirm: "a:65536" }'),
  'a tag': certificate('usage: !role mtls'),
  'an alias without an anchor': certificate('names: *names'),
  'two documents': 'certificates: {}\n---\ncertificates: {}\n',
  'an open bracket': 'certificates: [\n',
  'a tab': 'certificates:\n\torders.internal: {}\n',
};

const examplesOf = (
  all: Readonly<Record<string, string>>,
  verdict: Omit<Example, 'what' | 'yaml'>,
): Example[] => Object.entries(all).map(([what, yaml]) => ({ what, yaml, ...verdict }));

export const examples: readonly Example[] = [
  ...examplesOf(good, { good: true }),
  ...examplesOf(bad, { good: false }),
  ...examplesOf(badBeyondSchema, { good: false, beyondSchema: true }),
];
