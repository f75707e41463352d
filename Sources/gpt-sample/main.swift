// gpt-sample: the generator, and the tools for checkpoints. One process; knows nothing of MPI.

import Checkpointing
import Foundation

CheckpointReaderProcess.runIfRequested()
exit(Program.run(Array(CommandLine.arguments.dropFirst())))
