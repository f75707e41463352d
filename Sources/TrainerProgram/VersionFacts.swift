// What `gpt-ddp --version` says beyond the facts of both programs.

import BuildFacts
import DataParallel

extension BuildFacts {
  static var ofTrainer: [(subject: String, text: String)] {
    var facts = all
    let library = (try? Communicator.readLibraryVersion()) ?? "unknown"
    // `Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, …`
    let name = library.split(separator: ",").first.map(String.init) ?? library
    facts.insert(("mpi", name), at: facts.firstIndex { $0.subject == "hdf5" } ?? facts.count)
    return facts
  }
}
