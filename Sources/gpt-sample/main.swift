// gpt-sample: the generator and the checkpoint tools. Everything is in SamplerProgram, where tests reach it.

import SamplerProgram

SamplerMain.start(CommandLine.arguments)
