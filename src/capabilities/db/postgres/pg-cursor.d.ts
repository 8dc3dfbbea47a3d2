/** The part of pg-cursor that is used; the package brings no types. */
declare module 'pg-cursor' {
  import type { Connection, CustomTypesConfig, FieldDef, Submittable } from 'pg'

  export default class Cursor implements Submittable {
    constructor(
      text: string,
      values: readonly unknown[],
      config: { readonly rowMode: 'array'; readonly types: CustomTypesConfig },
    )
    submit(connection: Connection): void
    read(
      rows: number,
      done: (
        error: Error | null | undefined,
        rows: unknown[][],
        /** None where the statement was over before it was asked. */
        result?: { fields: FieldDef[]; rowCount?: number | null },
      ) => void,
    ): void
    close(): Promise<void>
  }
}
