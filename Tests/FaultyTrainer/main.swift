// faulty-trainer: gpt-ddp with a fault in it, for FaultTests. The loop, the programs and the launcher are the real
// ones; only the probe is ours. The fault comes in the environment, so that ranks and restarts have it too.

import Glibc
import Platform
import TrainerProgram

var probe: InjectedFault?
if let text = environmentVariable("MICROGPT_FAULT") {
  do {
    let plan = try InjectedFault(text)
    // A supervised job meets it in its first start only, unless asked for in each.
    if plan.isInEveryStart || !CommandLine.arguments.contains("--restarted") { probe = plan }
  } catch {
    StandardStream.error.line("error: \(error)")
    exit(ExitStatus.usage)
  }
}
Surroundings.end(TrainerMain.run(CommandLine.arguments, probe: probe))
