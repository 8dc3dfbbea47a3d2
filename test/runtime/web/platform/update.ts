/** Makes what the Web Platform Tests give now what is expected of them; reasons that stand there stay. */
import { CageDriver } from '../../../cage/cage-driver.ts'
import {
  AREAS,
  expectedOf,
  filesOf,
  keepExpectations,
  readExpectations,
  releaseOf,
  runFile,
  type Expected,
} from './suite.ts'

const release = releaseOf()
if (release === undefined) throw new Error('get the tests first: test/runtime/web/platform/get.sh')
const driver = new CageDriver()
const { files: before } = readExpectations()
const files: Record<string, Expected> = {}
for (const file of Object.values(AREAS).flatMap((folder) => filesOf(folder)))
  files[file] = expectedOf(await runFile(driver, file), before[file]?.why)
keepExpectations({ release, files })
driver.close()
