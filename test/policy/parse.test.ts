import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as yaml from 'yaml'
import { parsePolicyText } from '../../src/policy/parse.ts'
import { problemsOf, richText, usersExampleText } from './sample-policies.ts'

const read = (text: string): unknown => parsePolicyText(text, yaml).document

describe('a text', () => {
  test.for([
    usersExampleText,
    richText,
    '{"a": [1, 2.5, true, null, "x"]}',
    'a: 0x14\nb: 0o17\nc: 010\nd: 1e3\ne: .5\nf: ~\ng: yes\nh: on\ni: 2026-01-01\nj: 1_000\nk: ""',
    'a: |\n  two\n  lines\nb: >\n  one\n  line\n',
    'a: !!str 5\nb: !!int "5"\nc: !!null ""',
  ])('means what YAML 1.2 says that it means: %j', (text) => {
    expect(read(text)).toEqual(parse(text, { schema: 'core', version: '1.2' }))
  })

  test.for([
    'a: &x [1, 2]\nb: *x\nc: { d: *x }',
    'a: &x 1\nb: *x\nc: &x 2\nd: *x',
    'a: &x { inner: &y 1 }\nb: &y 2\nc: *x\nd: *y',
    '&k a: 1\nb: *k',
    'a: &x { b: &x 1 }\nc: *x',
  ])('with aliases means what the library makes of them: %j', (text) => {
    expect(read(text)).toEqual(parse(text))
  })

  test('has the place of each key and of each element, and of what is absent that of what should hold it', () => {
    const { positions } = parsePolicyText('a:\n  - b: 1\n  - c\nd: &x { e: 1 }\nf: *x\n', yaml)
    const places = [['a'], ['a', 0, 'b'], ['a', 1], ['a', 7, 'z'], ['d', 'e'], ['f'], ['none']].map(
      (path) => {
        const place = positions(path)
        return place && `${place.line}:${place.column}`
      },
    )
    expect(places).toEqual(['1:1', '2:5', '3:5', '1:1', '4:9', '5:1', '1:1'])
  })

  test('tells every repeated key and the line of the second', () => {
    expect(
      problemsOf(() => read('a: 1\nb: { c: 1, c: 2 }\na: 2')).map(({ path, message, line }) => [
        path,
        message,
        line,
      ]),
    ).toEqual([
      ['a', 'is written twice, the second time in line 3', 1],
      ['b.c', 'is written twice, the second time in line 2', 2],
    ])
  })
})
