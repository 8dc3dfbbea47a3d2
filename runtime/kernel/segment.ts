import { SEGMENT_END } from '../abi/inside.ts'

/** Ends a stretch of guest code; see {@link SEGMENT_END} for why by throwing. */
export const endSegment = (): never => {
  // oxlint-disable-next-line typescript/only-throw-error -- a number has no getters: nothing of the guest is read when it is caught
  throw SEGMENT_END
}
