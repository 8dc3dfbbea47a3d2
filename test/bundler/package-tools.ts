import { expect } from 'vitest'

/** Tools as people write them with the packages that are asked for most, and what each must return. */
export type PackageTool = {
  readonly packages: string
  readonly tool: string
  readonly value: unknown
}

// prettier-ignore
export const RUNNING: readonly PackageTool[] = [
  {
    packages: 'zod',
    tool: `import { z } from 'zod'
      const Order = z.object({ id: z.uuid(), total: z.coerce.number().positive(), tags: z.array(z.string()).default([]) })
      export default () => [
        Order.parse({ id: '7c1f5e6a-3b1d-4b6e-9c55-2f2a0b6d7e11', total: '12.5' }).total,
        Order.safeParse({ id: 'x', total: -1 }).error.issues.map(({ path }) => path.join('.')),
      ]`,
    value: [12.5, ['id', 'total']],
  },
  {
    packages: 'lodash-es',
    tool: `import { chunk, groupBy, sortBy, debounce, template } from 'lodash-es'
      export default () => [chunk([1, 2, 3], 2), groupBy(['a', 'bb', 'cc'], 'length'), sortBy([3, 1, 2]), typeof debounce(() => 1)]`,
    value: [[[1, 2], [3]], { 1: ['a'], 2: ['bb', 'cc'] }, [1, 2, 3], 'function'],
  },
  {
    packages: 'date-fns',
    tool: `import { addDays, differenceInCalendarDays, format, parseISO } from 'date-fns'
      import { de } from 'date-fns/locale'
      export default () => [
        format(addDays(parseISO('2026-02-27T12:00:00Z'), 2), 'yyyy-MM-dd'),
        differenceInCalendarDays(parseISO('2026-03-01'), parseISO('2026-02-01')),
        format(parseISO('2026-03-02'), 'EEEE', { locale: de }),
      ]`,
    value: ['2026-03-01', 28, 'Montag'],
  },
  {
    packages: 'papaparse',
    tool: `import Papa from 'papaparse'
      export default () => [
        Papa.parse('name,n\\n"a, b",1\\nc,2', { header: true, dynamicTyping: true }).data,
        Papa.unparse([{ x: 1, y: 'q"q' }]),
      ]`,
    value: [[{ name: 'a, b', n: 1 }, { name: 'c', n: 2 }], 'x,y\r\n1,"q""q"'],
  },
  {
    packages: 'cheerio',
    tool: `import * as cheerio from 'cheerio'
      export default () => {
        const $ = cheerio.load('<ul><li class="a">One</li><li>Two <b>b</b></li></ul>')
        $('li.a').attr('data-n', '1').append('!')
        return [$('li').map((_, li) => $(li).text()).get(), $('li.a').toString()]
      }`,
    value: [['One!', 'Two b'], '<li class="a" data-n="1">One!</li>'],
  },
  {
    packages: 'marked',
    tool: `import { marked } from 'marked'
      export default () => marked.parse('# Hi\\n\\n- *a*\\n- [b](https://b.example)')`,
    value: '<h1>Hi</h1>\n<ul>\n<li><em>a</em></li>\n<li><a href="https://b.example">b</a></li>\n</ul>\n',
  },
  {
    packages: 'yaml',
    tool: `import { parse, stringify } from 'yaml'
      export default () => [parse('a: &x [1, 2]\\nb: *x'), stringify({ list: ['x', { y: null }] })]`,
    value: [{ a: [1, 2], b: [1, 2] }, 'list:\n  - x\n  - y: null\n'],
  },
  {
    packages: 'fast-xml-parser',
    tool: `import { XMLParser, XMLBuilder } from 'fast-xml-parser'
      export default () => {
        const parsed = new XMLParser({ ignoreAttributes: false }).parse('<a n="1"><b>x</b><b>2</b></a>')
        return [parsed, new XMLBuilder({ ignoreAttributes: false }).build(parsed)]
      }`,
    value: [{ a: { '@_n': '1', b: ['x', 2] } }, '<a n="1"><b>x</b><b>2</b></a>'],
  },
  {
    packages: 'jose (decoding; keys are for the host)',
    tool: `import { base64url, decodeJwt, decodeProtectedHeader } from 'jose'
      export default () => {
        const part = (data) => base64url.encode(JSON.stringify(data))
        const token = [part({ alg: 'HS256' }), part({ sub: 'ann', exp: 7 }), 'c2ln'].join('.')
        return [decodeJwt(token), decodeProtectedHeader(token)]
      }`,
    value: [{ sub: 'ann', exp: 7 }, { alg: 'HS256' }],
  },
  {
    packages: 'mathjs',
    tool: `import { create, all } from 'mathjs'
      const math = create(all)
      export default () => [
        math.format(math.evaluate('sqrt(3^2 + 4^2) + det([1, 2; 3, 4])')),
        math.unit('5 km').to('m').toNumber(),
        math.simplify('2 * x + x').toString(),
      ]`,
    value: ['3', 5000, '3 * x'],
  },
  {
    packages: 'nanoid',
    tool: `import { customAlphabet, nanoid } from 'nanoid'
      export default () => [nanoid().length, /^[ab]{7}$/.test(customAlphabet('ab', 7)())]`,
    value: [21, true],
  },
  {
    packages: 'uuid',
    tool: `import { v4, v5, v7, validate, version } from 'uuid'
      export default () => [validate(v4()), version(v7()), v5('tollgate', v5.URL)]`,
    value: [true, 7, 'df7c0597-47b9-5fa4-981f-fecf2984044f'],
  },
  {
    packages: 'semver',
    tool: `import semver from 'semver'
      export default () => [semver.satisfies('1.4.2', '^1.2'), semver.inc('1.2.3', 'minor'), semver.sort(['2.0.0', '1.10.0', '1.9.0'])]`,
    value: [true, '1.3.0', ['1.9.0', '1.10.0', '2.0.0']],
  },
  {
    packages: 'ms',
    tool: `import ms from 'ms'
      export default () => [ms('2 days'), ms(60000, { long: true })]`,
    value: [172_800_000, '1 minute'],
  },
  {
    packages: 'dayjs',
    tool: `import dayjs from 'dayjs'
      import utc from 'dayjs/plugin/utc'
      dayjs.extend(utc)
      export default () => dayjs.utc('2026-01-31').add(1, 'month').format('YYYY-MM-DD')`,
    value: '2026-02-28',
  },
  {
    packages: 'csv-parse (its browser entry)',
    tool: `import { parse } from 'csv-parse/browser/esm/sync'
      export default () => parse('a;b\\n1;"x;y"', { columns: true, delimiter: ';' })`,
    value: [{ a: '1', b: 'x;y' }],
  },
  {
    packages: 'qs',
    tool: `import qs from 'qs'
      export default () => [qs.parse('a[b]=1&c[]=2&c[]=3'), qs.stringify({ a: { b: [1, 2] } }, { encode: false })]`,
    value: [{ a: { b: '1' }, c: ['2', '3'] }, 'a[b][0]=1&a[b][1]=2'],
  },
  {
    packages: 'mustache',
    tool: `import Mustache from 'mustache'
      export default ({ who }) => Mustache.render('Hi {{who}}:{{#list}} {{.}}{{/list}}', { who, list: [1, 2] })`,
    value: 'Hi &lt;Ann&gt;: 1 2',
  },
  {
    packages: 'slugify',
    tool: `import slugify from 'slugify'
      export default () => slugify('Crème brûlée & Co', { lower: true })`,
    value: 'creme-brulee-and-co',
  },
  {
    packages: 'change-case',
    tool: `import { camelCase, kebabCase, pascalCase } from 'change-case'
      export default () => [camelCase('two words'), kebabCase('TwoWords'), pascalCase('two-words')]`,
    value: ['twoWords', 'two-words', 'TwoWords'],
  },
  {
    packages: 'immer',
    tool: `import { produce } from 'immer'
      export default () => {
        const before = { list: [1], deep: { n: 1 } }
        const after = produce(before, (draft) => { draft.list.push(2) })
        return [after, before.list.length, after.deep === before.deep, Object.isFrozen(after)]
      }`,
    value: [{ list: [1, 2], deep: { n: 1 } }, 1, true, true],
  },
  {
    packages: 'ramda',
    tool: `import * as R from 'ramda'
      export default () => [R.pipe(R.map(R.inc), R.filter((n) => n % 2 === 0))([1, 2, 3]), R.path(['a', 'b'], { a: { b: 7 } })]`,
    value: [[2, 4], 7],
  },
  {
    packages: 'escape-html',
    tool: `import escapeHtml from 'escape-html'
      export default () => escapeHtml('<a href="x">&</a>')`,
    value: '&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;',
  },
  {
    packages: 'ajv (what its standalone mode has written)',
    tool: `import validate from './order.js'
      export default () => [validate({ name: 'Ann' }), validate({ name: '' }), validate.errors[0].keyword]`,
    value: [true, false, 'minLength'],
  },
  {
    packages: 'handlebars (its runtime, with a template that was compiled beforehand)',
    tool: `import Handlebars from 'handlebars/runtime'
      const template = Handlebars.template({
        compiler: [8, '>= 4.3.0'],
        main: (container, depth0, helpers, partials, data) => 'Hi ' + container.escapeExpression(container.lambda(depth0.who, depth0)),
        useData: true,
      })
      export default ({ who }) => template({ who })`,
    value: 'Hi &lt;Ann&gt;',
  },
]

/** What a package cannot do in an isolate without eval, DOM and Node, and how that shows. */
// prettier-ignore
export const PINNED: readonly { readonly why: string; readonly tool: string; readonly error: object }[] = [
  {
    why: 'handlebars.compile makes code of a text; its runtime does not',
    tool: `import Handlebars from 'handlebars'
      export default () => Handlebars.compile('Hi {{who}}')({ who: 'Ann' })`,
    error: { code: 'GUEST_THREW', message: 'TypeError: Code generation from strings is closed' },
  },
  {
    why: 'ajv.compile makes code of a schema; what its standalone mode has written does not',
    tool: `import Ajv from 'ajv'
      export default () => new Ajv().compile({ type: 'object' })({})`,
    error: { code: 'GUEST_THREW', message: 'TypeError: Code generation from strings is closed' },
  },
  {
    why: 'turndown needs a DOM',
    tool: `import TurndownService from 'turndown'
      export default () => new TurndownService().turndown('<b>x</b>')`,
    error: { code: 'GUEST_THREW', message: 'ReferenceError: document is not defined' },
  },
  {
    why: 'csv-parse is for the streams of Node; its browser entry is not',
    tool: `import { parse } from 'csv-parse'
      export default () => parse('a,b')`,
    error: { code: 'GUEST_IMPORT', message: expect.stringContaining("'stream', a module of Node") as string },
  },
]
