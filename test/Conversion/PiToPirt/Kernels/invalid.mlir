// RUN: not pi-opt %s --pi-build-kernel="kind=convolution" 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not pi-opt %s --pi-build-kernel="kind=attention dtype=f16" 2>&1 | FileCheck %s --check-prefix=TYPE
// RUN: not pi-opt %s --pi-build-kernel="kind=attention head-size=72" 2>&1 | FileCheck %s --check-prefix=HEAD
// RUN: not pi-opt %s --pi-build-kernel="kind=attention batch=10000" 2>&1 | FileCheck %s --check-prefix=BATCH
// RUN: not pi-opt %s --pi-build-kernel="kind=attention-grad head-size=72" 2>&1 | FileCheck %s --check-prefix=HEAD
// RUN: not pi-opt %s --pi-build-kernel="kind=attention-grad batch=10000" 2>&1 | FileCheck %s --check-prefix=BATCH

// KIND: no kernel of kind 'convolution'
// TYPE: no element type 'f16'; kernels take bf16 and f32
// HEAD: attention kernels take heads of a multiple of 16 up to 128 columns, not 72
// BATCH: attention kernels take at most 65535 heads of sequences, not 120000
module {}
