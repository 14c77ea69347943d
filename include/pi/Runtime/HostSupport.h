//===- HostSupport.h - What compiled host code calls ------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/*
 * Compiled host code imports these functions and nothing else but libm and
 * libc. A C header; changes need a new artifact format version.
 */

#ifndef PI_RUNTIME_HOSTSUPPORT_H
#define PI_RUNTIME_HOSTSUPPORT_H

#include "pi/Runtime/Export.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * C = alpha * op(A) * op(B) + beta * C for row-major matrices, where op(X) is X
 * or, with its flag, the transpose of X. op(A) is M x K, op(B) is K x N, C is
 * M x N; lda, ldb, ldc are the elements from one stored row to the next. Sizes
 * and leading dimensions are below 2^31. With beta 0, C need not be
 * initialised. Uses all threads, or the calling one inside pi_rt_parallel_for.
 */
PI_RUNTIME_API void pi_rt_sgemm(int32_t transA, int32_t transB, int64_t M,
                                int64_t N, int64_t K, float alpha,
                                const float *A, int64_t lda, const float *B,
                                int64_t ldb, float beta, float *C, int64_t ldc);

/*
 * Memory aligned to 64 bytes, never null: without memory, or with a negative
 * size, the program ends with a message. Freed memory is kept for the next
 * request of its size, so that a repeated call of a model touches no new pages.
 */
PI_RUNTIME_API void *pi_rt_alloc(int64_t bytes);
PI_RUNTIME_API void pi_rt_free(void *memory);

/*
 * Calls body(begin, end, context) for disjoint ranges that make up [0, n), on
 * several threads, and returns when all are done. A body that calls this
 * function runs the inner range itself.
 */
PI_RUNTIME_API void pi_rt_parallel_for(int64_t n,
                                       void (*body)(int64_t begin, int64_t end,
                                                    void *context),
                                       void *context);

#ifdef __cplusplus
}
#endif

#endif /* PI_RUNTIME_HOSTSUPPORT_H */
