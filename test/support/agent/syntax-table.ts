// Small files of many languages: right ones in odd clothes, and wrong ones.

type Row = readonly [path: string, text: string]

/** Each is right, or nothing here can tell; none may be called wrong. */
export const rightFiles: readonly Row[] = [
  // JavaScript and TypeScript
  ['a.js', '#!/usr/bin/env node\nawait import("x")\nusing y = z()\n'],
  ['a.js', "'use strict'\nvar o = { a: 010 }\nreturn 1\n".replace("'use strict'\n", '')],
  ['a.js', '\uFEFFexport const a = 1n ** 2n\n'],
  ['a.js', 'const View = () => <><p className="a">{/* x */}</p></>\nexport { View as "a b" }\n'],
  ['a.js', '// @flow\ntype A = {| +b: ?string |}\nexport const f = (a: A): string => a.b ?? ""\n'],
  ['a.cjs', "if (!process.env.X) return\nmodule.exports = { a() {}, 'b-c': 1, ...d }\n"],
  ['a.mjs', 'export default class { static #x = 1; static { this.y = 1 } }\n'],
  ['a.js', 'a = b\n;[1].map((x) => x)\nlabel: for (;;) break label\nwith (a) b\n'],
  ['a.js', 'const r = /(?<y>\\d{4})[\\p{L}--[a-z]]/v, s = a / b / c\n'],
  ['a.js', 'import data from "./x.json" with { type: "json" }\nexport * as ns from "./y.js"\n'],
  ['a.js', '@decorated\nclass A { @bound m() {} }\n'],
  ['a.jsx', 'export default function A() { return <A.B {...p} x-y="&nbsp;">a {"}"} b</A.B> }\n'],
  [
    'a.ts',
    'enum A { B = 1 << 2 }\nabstract class C<in T> { constructor(private readonly x: T) {} }\n',
  ],
  [
    'a.ts',
    'function f(a: string): void\nfunction f(a: number): void\nfunction f(a: unknown) {}\nlet x = <any>f\n',
  ],
  [
    'a.ts',
    'export type { A } from "./a"\nimport type B from "./b"\nimport { type C } from "./b"\ndeclare global { interface Window { x: B } }\n',
  ],
  ['a.ts', 'class A { constructor(@Inject() private readonly b: B) {} @Input() c!: string }\n'],
  ['a.d.ts', 'declare module "x" { export function f(): void; const a: number; export = a }\n'],
  ['a.tsx', 'const f = <T,>(x: T) => <div<string>>{x as unknown as string}</div>\n'],
  ['a.cts', 'import fs = require("fs")\nexport = fs\n'],
  [
    'a.ts',
    'let x = y satisfies Z, z = a!.b?.c!, [q = 1, ...r]: readonly number[] = s\nnamespace N.M { }\n',
  ],
  ['empty.js', ''],
  // Python
  [
    'a.py',
    '# -*- coding: utf-8 -*-\nfrom __future__ import annotations\nmatch x:\n    case {"a": [1, *_]} if y: pass\n',
  ],
  ['a.py', 'def f(a, /, b, *, c: int = 1) -> "x": return lambda *_: (yield)\n'],
  [
    'a.py',
    'print(f\'{a!r:>{w}} {b=}\')\nx = \'a\' \'b\' """c\n"""\nasync def g():\n\tasync with a as b, c: ...\n',
  ],
  ['a.py', '\uFEFFgröße = 1\r\nif größe:\r\n    pass\r\n'],
  ['a.pyi', 'from typing import overload\n@overload\ndef f(a: int) -> int: ...\nx: str\n'],
  // JSON
  ['package.json', '\uFEFF{"name": "a"}\n'],
  ['tsconfig.json', '{\n  // where\n  "compilerOptions": { "strict": true, /* x */ },\n}\n'],
  ['tsconfig.build.json', '{ "extends": "./tsconfig.json", "include": ["src//a/**/*"], }\n'],
  ['.vscode/settings.json', '{ "a": "//no comment", "b": [1, 2,], }\n'],
  ['.eslintrc', '{ "rules": {} /* none */ }\n'],
  ['locales/en.json', '{"hello": "Hi {{name}} \\u00e9", "a": -1.5e+3}\n'],
  ['{{cookiecutter.name}}/a.json', '{"name": {{ cookiecutter.name }}}\n'],
  ['a.json5', "{a: 'b'}\n"],
  ['data.jsonl', '{"a":1}\n{"a":2}\n'],
  // YAML
  ['a.yaml', 'a: &x {b: 1}\nc:\n  <<: *x\n  d: |\n    text\n   \n---\n- e\n...\n'],
  ['a.yml', 'on:\n  push:\nkey: yes\nkey: no\n"quoted: key": >-\n  folded\n'],
  ['template.yaml', 'Resources:\n  A:\n    Value: !Sub "${B}"\n    C: !GetAtt D.E\n'],
  ['charts/a/templates/x.yaml', '{{- if .Values.a }}\na: {{ .Values.b | quote }}\n{{- end }}\n'],
  ['values.yaml', '# only comments\n'],
  ['a.yaml', '%YAML 1.1\n---\na: 0o14\nb: [1, 2,\n  3]\n? complex\n: value\n'],
  [
    'a.yaml',
    'a: it is: fine'.replace('it is: fine', '"it is: fine"') + "\nb: http://x/y#z\nc: 'it''s'\n",
  ],
  [
    'playbook.yml',
    '- hosts: all\n  tasks:\n    - name: x\n      when: a == "b"\n      vars: {x: "{{ y }}"}\n',
  ],
  // CSS
  [
    'a.css',
    '@charset "utf-8";\n@import url(foo.css) layer(a) supports(display: grid);\n:root { --x: { a: b }; --y:; }\n',
  ],
  ['a.css', '.a { color: red; &:hover { color: blue } .b & { c: d } > p { e: f } }\n'],
  [
    'a.css',
    '.a { *zoom: 1; _height: 1px; filter: progid:DXImageTransform.Microsoft.gradient(a="b", c=1); }\n',
  ],
  ['a.css', '@tailwind base;\n.btn { @apply px-4 hover:bg-red-500/50; }\n@layer a, b;\n'],
  [
    'a.css',
    'a::after { content: "\\201C}"; background: url(data:image/png;base64,AA==) }\na:not(.b):is(c, d > e) {}\n',
  ],
  [
    'a.css',
    '@media (400px <= width < 700px) and (not (hover)) { a { width: calc(1px + (2 * 3%)) } }\n@container x (min-width: 1px) { }\n',
  ],
  [
    'a.css',
    '<!-- .a { color: red } -->\n@font-face { font-family: x; src: local("y"), url("z") format("w") }\n',
  ],
  [
    'a.css',
    '.a\\:b\\/2 { inset: 0 } [data-x="y" i] { } @keyframes k { from { } 50.5% { } to { } }\n',
  ],
  ['a.scss', '$a: 1px;\n@mixin b { c: $a }\n'],
  ['a.css', ''],
  // HTML
  [
    'index.html',
    '<!doctype html>\n<title>x</title>\n<p>one<p>two<br><img src=a.png alt="">\n<ul><li>a<li>b</ul>\n',
  ],
  ['index.html', '<html><body><div class=a><p>x</div></body></html>\n'],
  ['part.html', '<div class="page">\n  <header>\n'],
  ['part.html', '  </div>\n</body>\n</html>\n'],
  [
    'a.html',
    '<button @click="x = !x" :class="{ a: b }" x-data hx-get="/a?b=1&c=2" disabled>y</button>\n',
  ],
  ['a.html', '<app-x *ngIf="a" [b]="c" (d)="e($event)" #f></app-x>\n'],
  [
    'a.html',
    '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg><my-el></my-el><template><tr><td></tr></template>\n',
  ],
  [
    'a.html',
    '<script>if (a < b && c > d) document.write("<p>")</script><style>a>b{}</style><!-- x -- y -->\n',
  ],
  [
    'a.html',
    '{% extends "b.html" %}{% if a < b %}<a href="{{ url }}"{% if c %} class="d"{% endif %}>\n',
  ],
  [
    'a.vue',
    '<template><p v-if="a">{{ b }}</p></template>\n<script setup>\nimport a from "b"\n</script>\n',
  ],
  ['a.html', '<?php if ($a) { ?><b <?= $c ?>>\n'],
  // SQL
  [
    'a.sql',
    "-- it's\nCREATE TABLE IF NOT EXISTS a (id SERIAL PRIMARY KEY, b text NOT NULL DEFAULT 'x;y', c timestamptz DEFAULT now());\n",
  ],
  [
    'a.sql',
    "create table a (id integer primary key autoincrement, b text collate nocase, check (b <> '')) strict;\n",
  ],
  [
    'a.sql',
    "INSERT INTO a (b) VALUES ('it''s'), (?), ($1) ON CONFLICT (b) DO UPDATE SET b = excluded.b RETURNING id\n",
  ],
  [
    'a.sql',
    'CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = CASE WHEN 1 THEN 2 END; DELETE FROM c; END;\nSELECT 1;\n',
  ],
  [
    'a.sql',
    'CREATE FUNCTION f() RETURNS trigger AS $$\nBEGIN\n  NEW.x := 1; RETURN NEW;\nEND;\n$$ LANGUAGE plpgsql;\n',
  ],
  [
    'a.sql',
    'CREATE TABLE `a` (`id` int(11) UNSIGNED NOT NULL AUTO_INCREMENT, PRIMARY KEY (`id`)) ENGINE=InnoDB;\n',
  ],
  ['a.sql', 'CREATE TABLE [dbo].[a] ([id] INT IDENTITY(1,1));\nGO\n'],
  [
    'a.sql',
    "SELECT a::int, b ->> 'c', d @> '{}', sum(e) OVER (PARTITION BY f ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM g, LATERAL (SELECT 1) h;\n",
  ],
  [
    'a.sql',
    "ALTER TABLE a ENABLE ROW LEVEL SECURITY;\nCREATE POLICY p ON a USING (true);\nGRANT SELECT ON a TO b;\nCOMMENT ON TABLE a IS 'x';\n",
  ],
  ['a.sql', 'BEGIN;\nDROP TABLE IF EXISTS a CASCADE;\nCOMMIT;\n/* end; */\n'],
  [
    'a.sql',
    'WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t;;\n',
  ],
  // Shell
  [
    'a.sh',
    '#!/bin/bash\nset -euo pipefail\narr=(a "b c")\n[[ $x =~ ^a ]] && echo "${arr[@]}" <<< "x"\n',
  ],
  ['a.sh', 'for i in 1 2; do\n  echo "$i"\ndone\ncat <<EOF\n$(date) \'\nEOF\n'],
  ['a.sh', 'function f { local a=(1 2); diff <(a) <(b); }\n'],
  ['bin/run', '#!/usr/bin/env sh\ncase "$1" in (a|b) exit ;; *) : ;; esac\n'],
  ['a.zsh', '#!/bin/zsh\nprint -l **/*(.)\n'],
  // Others
  ['a.toml', 'a = [\n'],
  ['a.go', 'package main\n'],
  ['Dockerfile', 'FROM x\n'],
]

/** Each is broken in a way that its own parser refuses. */
export const wrongFiles: readonly Row[] = [
  ['a.js', 'export function f( { return 1 }\n'],
  ['a.js', 'const a = 1\nconst a = 2\n'],
  ['a.js', 'I am sorry, as a language model I cannot write that.\n'],
  ['a.js', 'export const r = /(/\n'],
  ['a.js', 'if (x) {\n  y()\n'],
  ['a.js', 'const a: string = "x"\n'],
  ['a.mjs', 'return 1\n'],
  ['a.cjs', 'import a from "b"\n'],
  ['a.js', 'function f() { await x }\n'],
  ['a.js', 'const s = "a\nb"\n'],
  ['App.jsx', 'export default function App() { return <div><p></div> }\n'],
  ['App.jsx', 'const a = <div>\n'],
  ['App.tsx', 'I am sorry, as a language model I cannot write that.\n'],
  ['a.ts', 'interface A { b: }\n'],
  ['a.ts', 'let x: = 1\n'],
  ['a.py', 'def f(:\n    pass\n'],
  ['a.py', 'if x:\nprint(1)\n'],
  ['a.py', "print('a\n"],
  ['a.py', 'def f():\n\tx = 1\n        y = 2\n'],
  ['a.py', 'const a = 1;\n'],
  ['a.py', 'return 1 +\n'],
  ['package.json', '{"a": 1,}\n'],
  ['package.json', '{"a": 1 // x\n}\n'],
  ['a.json', "{'a': 1}\n"],
  ['a.json', '{"a": [1, 2}\n'],
  ['tsconfig.json', '{ "a": { }\n'],
  ['tsconfig.json', '{ "a" "b" }\n'],
  ['a.yaml', 'a: b: c\n'],
  ['a.yaml', 'a: [1, 2\nb: 3\n'],
  ['a.yaml', 'a:\n\tb: 1\n'],
  ['a.yaml', 'a: "x\nb: 1\n'],
  ['a.yml', 'I am sorry, I cannot write this file.\n'],
  ['a.yaml', 'a: 1\n  b: 2\n'],
  ['a.css', 'body { color: red;\n'],
  ['a.css', 'a { color: red; } }\n'],
  ['a.css', 'a { color red; }\n'],
  ['a.css', '.a { content: "x; }\n'],
  ['a.css', '/* a\n.b { }\n'],
  ['index.html', '<!doctype html><html><body><div class="a"><p>text and then\n'],
  ['index.html', '<html><head><title>x</tit'],
  ['a.html', '<p>a</p><a href="x'],
  ['a.html', '<p>a</p><!-- b'],
  ['a.html', '<div class="a id="b">x</div>\n'],
  ['a.html', 'Just some words.\n'],
  ['a.sql', 'CREATE TABEL a (id int);\n'],
  ['a.sql', 'SELEC 1;\n'],
  ['a.sql', 'SELECT * FORM a;\n'],
  ['a.sql', 'CREATE TABLE a (id int,, b text);\n'],
  ['a.sql', 'CREATE TABLE a (id int\n'],
  ['a.sql', "INSERT INTO a VALUES ('x);\n"],
  ['a.sh', '#!/bin/sh\nif true; then\n  echo a\n'],
  ['a.sh', 'for i in 1 2; echo $i; done\n'],
  ['a.sh', 'echo "a\n'],
  ['a.sh', '#!/bin/bash\nf() {\n  case $1 in\n    a) echo b ;;\n}\n'],
]
