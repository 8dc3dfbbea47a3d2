// breaks: typescript/unbound-method
class Meter {
  used = 0
  add(): void {
    this.used++
  }
}
export const add = new Meter().add
