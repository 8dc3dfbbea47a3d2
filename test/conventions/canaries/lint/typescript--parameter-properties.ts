// breaks: typescript/parameter-properties
export class Meter {
  constructor(readonly max: number) {}
}
