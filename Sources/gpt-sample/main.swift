// gpt-sample: the generator and the checkpoint tools. Everything is in SamplerProgram, where tests reach it.

import Glibc
import SamplerProgram

exit(SamplerMain.run(CommandLine.arguments))
