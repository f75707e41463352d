// gpt-ddp: the data-parallel trainer. Everything is in TrainerProgram, where tests reach it.

import TrainerProgram

TrainerMain.start(CommandLine.arguments)
