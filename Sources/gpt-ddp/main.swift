// gpt-ddp: the data-parallel trainer. Everything is in TrainerProgram, where tests reach it.

import Glibc
import TrainerProgram

exit(TrainerMain.run(CommandLine.arguments))
