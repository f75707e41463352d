// gpt-ddp: the data-parallel trainer. Options in, library calls, exit status out.

import Checkpointing
import CommandLineOptions
import DataParallel
import Diagnostics
import Foundation

CheckpointReaderProcess.runIfRequested()
exit(Program.run(Array(CommandLine.arguments.dropFirst())))
