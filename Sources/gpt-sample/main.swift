import Checkpointing

CheckpointReaderProcess.runIfRequested()
print("not built yet")
