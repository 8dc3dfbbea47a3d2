import { Worker } from 'node:worker_threads'
import { Semaphore } from '../broker/semaphore.ts'

/** A text as plain JavaScript, or why it has none. */
export type Stripped = { readonly text: string } | { readonly message: string; readonly stack: string }

type Answer = Stripped & {
  /** The parser itself failed, and may not work any more. */
  readonly isBroken: boolean
}

/** Threads at once; more texts wait. */
const THREADS_MAX = 2
/** A large text takes less; one that takes longer was written to. */
const STRIP_MS_MAX = 2_000
const NEVER = new AbortController().signal

/** Node announces on standard error that stripping is experimental; whoever runs a tool has no use for that. */
const THREAD = `
const { parentPort } = require('node:worker_threads')
const { stripTypeScriptTypes } = require('node:module')
process.emitWarning = () => undefined
const answerTo = (source) => {
  try {
    return { text: stripTypeScriptTypes(source), isBroken: false }
  } catch ({ code, message, stack }) {
    return { message, stack: String(stack), isBroken: !/_TYPESCRIPT_SYNTAX$/.test(code) }
  }
}
parentPort.on('message', (source) => parentPort.postMessage(answerTo(source)))`

const BROKEN: Answer = { message: 'it is nested too deeply', stack: '', isBroken: true }
const TOO_LONG: Answer = {
  message: `that takes longer than ${STRIP_MS_MAX / 1000} s`,
  stack: '',
  isBroken: true,
}

const places = new Semaphore(THREADS_MAX)
const resting: Worker[] = []

function start(): Worker {
  const thread = new Worker(THREAD, { eval: true, env: {}, execArgv: [] })
  // Who waits for it hears of it; nobody else needs to.
  return thread.on('error', () => undefined)
}

async function ask(thread: Worker, source: string): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const timer = setTimeout(() => resolve(TOO_LONG), STRIP_MS_MAX)
  const onMessage = (answer: Answer): void => resolve(answer.isBroken ? BROKEN : answer)
  const onError = (): void => resolve(BROKEN)
  thread.once('message', onMessage).once('error', onError).postMessage(source)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    thread.off('message', onMessage).off('error', onError)
  }
}

/**
 * Takes the types out of a text, in place. In a thread that is ended when it takes long or fails: the parser backtracks without
 * bound on some texts, and one that is nested deeply breaks it for all that come after.
 */
export async function stripTypes(source: string): Promise<Stripped> {
  await places.acquire(NEVER)
  try {
    const thread = resting.pop() ?? start()
    thread.ref()
    const answer = await ask(thread, source)
    thread.unref()
    if (answer.isBroken) void thread.terminate()
    else resting.push(thread)
    return answer
  } finally {
    places.release()
  }
}
