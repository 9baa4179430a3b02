import { expect, test } from 'vitest'
import { compilerFlags } from './ollama-source.ts'

const all = 'fpu avx2 bmi1 bmi2 f16c fma movbe sse4_2'

test.each([
  ['an x86 with AVX2', 'x64', `model name\t: X\nflags\t\t: ${all}\n`, '-O3 -march=x86-64-v3'],
  ['an x86 without FMA', 'x64', `flags\t\t: ${all.replace(' fma', '')}\n`, '-O3'],
  ['an ARM machine, whose file has no flags', 'arm64', 'Features\t: fp asimd\n', '-O3'],
  ['a machine without the file', 'x64', '', '-O3'],
])('on %s the flags fit the processor', (_, architecture, cpuInfo, want) => {
  expect(compilerFlags(architecture, cpuInfo)).toBe(want)
})
