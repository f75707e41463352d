// HDF5's constants are macros that call H5open() first or cast, which Swift cannot import: one accessor each.
#pragma once
#include <hdf5.h>
#include <string.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

// Property list classes: `(H5OPEN H5P_CLS_…_ID_g)`.
static inline hid_t chdf5_class_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t chdf5_class_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t chdf5_class_group_create(void) { return H5P_GROUP_CREATE; }
static inline hid_t chdf5_class_dataset_create(void) { return H5P_DATASET_CREATE; }

// Predefined types: `(H5OPEN H5T_…_g)`. The first five are what the file holds, the others what memory holds.
static inline hid_t chdf5_i64le(void) { return H5T_STD_I64LE; }
static inline hid_t chdf5_u64le(void) { return H5T_STD_U64LE; }
static inline hid_t chdf5_f32le(void) { return H5T_IEEE_F32LE; }
static inline hid_t chdf5_f64le(void) { return H5T_IEEE_F64LE; }
static inline hid_t chdf5_c_string(void) { return H5T_C_S1; }
static inline hid_t chdf5_native_i64(void) { return H5T_NATIVE_INT64; }
static inline hid_t chdf5_native_u64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t chdf5_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t chdf5_native_double(void) { return H5T_NATIVE_DOUBLE; }

// `((size_t)(-1))`
static inline size_t chdf5_variable_length(void) { return H5T_VARIABLE; }

// File access flags: `(H5CHECK H5OPEN 0x…)`.
static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_truncate(void) { return H5F_ACC_TRUNC; }

// A file driver without functions, and what the library's own in-memory driver says of itself: with the same features
// and the same free lists it lays out the same bytes.
static inline H5FD_class_t chdf5_driver_class(void) {
  H5FD_class_t driver;
  H5FD_mem_t map[] = H5FD_FLMAP_DICHOTOMY;
  memset(&driver, 0, sizeof driver);
#if H5_VERSION_GE(1, 13, 0)
  driver.version = H5FD_CLASS_VERSION;
  driver.value = 600;
#endif
  driver.maxaddr = ((haddr_t)1 << 62) - 1;
  driver.fc_degree = H5F_CLOSE_WEAK;
  memcpy(driver.fl_map, map, sizeof map);
  return driver;
}
static inline unsigned long chdf5_image_features(void) {
  return H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
         H5FD_FEAT_AGGREGATE_SMALLDATA;
}
