// gpt-sample: the generator, and the tools for checkpoints. Everything is in SamplerProgram, where tests reach it.

import Glibc
import SamplerProgram

exit(SamplerMain.run(CommandLine.arguments))
