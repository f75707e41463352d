// Which groups a file needs, and how many children each will have.

import CHDF5

/// The groups above a list of datasets, each with its number of children, so that libhdf5 writes each group
/// header in one piece: JLD2 fails on headers with more than two continuations.
struct GroupTree {
  /// Parents before children; the root is the empty path.
  private(set) var groups: [String] = [""]
  private var children: [String: Set<String>] = ["": []]

  init(paths: [String]) {
    for path in paths {
      var group = ""
      for name in path.split(separator: "/").map(String.init) {
        let child = group.isEmpty ? name : "\(group)/\(name)"
        if children[group] == nil {
          groups.append(group)
          children[group] = []
        }
        children[group]?.insert(name)
        group = child
      }
    }
  }

  func apply(to properties: HDF5Handle, group: String) throws {
    let names = children[group] ?? []
    let longest = names.map(\.utf8.count).max() ?? 0
    try HDF5.check(H5Pset_link_phase_change(properties.id, 4096, 0), "H5Pset_link_phase_change")
    try HDF5.check(
      H5Pset_est_link_info(properties.id, UInt32(names.count), UInt32(longest)), "H5Pset_est_link_info")
    try HDF5.check(H5Pset_obj_track_times(properties.id, false), "H5Pset_obj_track_times")
  }
}
