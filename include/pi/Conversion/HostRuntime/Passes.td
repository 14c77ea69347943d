//===- Passes.td - Host code from linalg -------------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_HOSTRUNTIME_PASSES_TD
#define PI_CONVERSION_HOSTRUNTIME_PASSES_TD

include "mlir/Pass/PassBase.td"

def PiOutlineOperations : Pass<"pi-outline-operations", "::mlir::ModuleOp"> {
  let summary = "one function on buffers for each distinct operation";
  let description = [{
    Turns functions in execution form, on tensors, into functions on buffers
    that call one private function for each distinct operation: equal layers
    share code, so the time to compile does not grow with their number. A
    result is written to an argument added for it, a state or a parameter with a
    new value is updated in its buffer, after whatever reads the old one, and
    values between operations are allocated. A linear layer whose
    result is only added to something joins the addition.

    ```mlir
    func.func @forward(%x: tensor<4xf32> {pi.name = "x"}) -> (tensor<4xf32> {pi.name = "y"}) {
      %0 = pi.relu %x : tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    ```

    becomes

    ```mlir
    func.func @forward(%x: memref<4xf32>, %y: memref<4xf32>) {
      call @kernel.relu(%x, %y) : (memref<4xf32>, memref<4xf32>) -> ()
      return
    }
    func.func private @kernel.relu(%x: memref<4xf32>, %y: memref<4xf32>) {
      %0 = bufferization.to_tensor %x restrict : memref<4xf32> to tensor<4xf32>
      %1 = pi.relu %0 : tensor<4xf32>
      bufferization.materialize_in_destination %1 in restrict writable %y : (tensor<4xf32>, memref<4xf32>) -> ()
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect"];
  let statistics = [
    Statistic<"numOperations", "operations", "Operations outlined">,
    Statistic<"numKernels", "kernels", "Functions made for them">
  ];
}

def ConvertLinalgToBLAS : Pass<"convert-linalg-to-blas", "::mlir::ModuleOp"> {
  let summary = "call the runtime for matrix products on buffers";
  let description = [{
    Replaces `linalg.matmul` on f32 buffers whose rows are contiguous, either
    operand as it is or transposed, by a call of `pi_rt_sgemm` with strides as
    leading dimensions. A fill with zero right before the product becomes
    beta = 0.

    ```mlir
    func.func @product(%a: memref<8x16xf32>, %b: memref<16x4xf32>, %c: memref<8x4xf32>) {
      linalg.matmul ins(%a, %b : memref<8x16xf32>, memref<16x4xf32>) outs(%c : memref<8x4xf32>)
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect"];
  let statistics = [Statistic<"numProducts", "products", "Products replaced">];
}

def PiOutlineParallelLoops
    : Pass<"pi-outline-parallel-loops", "::mlir::ModuleOp"> {
  let summary = "run parallel loops by the runtime's threads";
  let description = [{
    The body of an outermost `scf.parallel` with enough work becomes a function
    of a range of iterations, which `pi_rt_parallel_for` calls on several
    threads; inner and small loops become `scf.for`. All dimensions but the last
    are split, and the last one too where it is the only one. The call goes to a
    declaration that `pi-emit-host-entry-points` defines, because packing
    captured values into memory needs the LLVM dialect.

    ```mlir
    func.func @scale(%x: memref<512x768xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %rows = arith.constant 512 : index
      %columns = arith.constant 768 : index
      scf.parallel (%i, %j) = (%c0, %c0) to (%rows, %columns) step (%c1, %c1) {
        %0 = memref.load %x[%i, %j] : memref<512x768xf32>
        %1 = arith.addf %0, %0 : f32
        memref.store %1, %x[%i, %j] : memref<512x768xf32>
      }
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::scf::SCFDialect"];
  let options = [
    Option<"minimumWork", "minimum-work", "int64_t", "32768",
           "Operations in a loop below which threads cost more than they give">
  ];
  let statistics = [Statistic<"numLoops", "loops", "Loops run by threads">];
}

def PiPlanHostBuffers : Pass<"pi-plan-host-buffers", "::mlir::func::FuncOp"> {
  let summary = "give the buffers of a function places in one allocation";
  let description = [{
    Places every `memref.alloc` of static shape by the range of operations that
    use it, so that buffers which are never live together share memory, and
    allocates once for each call of the function. Buffers of at most
    `stack-bytes` go to the stack. Allocations in sequential loops move out of
    them.

    ```mlir
    func.func private @use(memref<1024x16xf32>)
    func.func @two() {
      %0 = memref.alloc() : memref<1024x16xf32>
      call @use(%0) : (memref<1024x16xf32>) -> ()
      %1 = memref.alloc() : memref<1024x16xf32>
      call @use(%1) : (memref<1024x16xf32>) -> ()
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
  let options = [
    Option<"stackBytes", "stack-bytes", "int64_t", "1024",
           "Largest buffer that goes to the stack">
  ];
  let statistics = [
    Statistic<"numBuffers", "buffers", "Buffers placed">,
    Statistic<"numBytes", "bytes", "Bytes of all planned allocations">
  ];
}

def PiEmitHostEntryPoints
    : Pass<"pi-emit-host-entry-points", "::mlir::ModuleOp"> {
  let summary = "add what the runtime calls in host code";
  let description = [{
    On the LLVM dialect: gives every public function NAME a function
    `pi_entry_NAME` (or, for `initialize.P`, `pi_initialize_P`) that takes its
    pointers as one array and returns 0, and defines the functions through which
    `pi-outline-parallel-loops` calls `pi_rt_parallel_for`. Nothing else stays
    visible outside of the module.

    ```mlir
    module {
      llvm.func @forward(%x: !llvm.ptr, %y: !llvm.ptr) {
        llvm.return
      }
    }
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def PiCopyByLoops : Pass<"pi-copy-by-loops", "::mlir::ModuleOp"> {
  let summary = "copy buffers by linalg instead of a call";
  let description = [{
    Replaces `memref.copy` between buffers that are not both contiguous by
    `linalg.copy`: upstream lowers the former to a function of a runtime library
    that host code does not have.

    ```mlir
    func.func @column(%x: memref<8x4xf32>, %y: memref<8xf32, strided<[4]>>) {
      %0 = memref.subview %x[0, 0] [8, 1] [1, 1] : memref<8x4xf32> to memref<8xf32, strided<[4]>>
      memref.copy %0, %y : memref<8xf32, strided<[4]>> to memref<8xf32, strided<[4]>>
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def PiApproximateMath : Pass<"pi-approximate-math"> {
  let summary = "expand exp, log, tanh and erf into arithmetic that vectorises";
  let description = [{
    Replaces the functions of `math` that activations use by upstream's
    approximations in f32, whose error is of the order of 1e-7, and which LLVM
    vectorises where a call of libm is one by one.

    ```mlir
    func.func @power(%x: f32) -> f32 {
      %0 = math.exp %x : f32
      return %0 : f32
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def PiComputeInF32 : Pass<"pi-compute-in-f32", "::mlir::ModuleOp"> {
  let summary = "compute on bf16 and f16 in f32";
  let description = [{
    Gives every operation on bf16 and f16 values f32 operands, and rounds only
    what is kept in a shorter format. So sums are in f32, operands of different
    formats meet in one, and the code of an operation is written for f32 and f64
    alone. Outputs of public functions are f32, as the manifest has them.

    Before:

    ```mlir
    func.func @decode(%x: tensor<4xbf16> {pi.state = "x"}, %a: tensor<f32> {pi.name = "a"})
        -> (tensor<4xbf16> {pi.name = "y"}, tensor<4xbf16> {pi.state = "x"}) {
      %0 = pi.mul %x, %a : (tensor<4xbf16>, tensor<f32>) -> tensor<4xbf16>
      %1 = pi.relu %0 : tensor<4xbf16>
      return %1, %0 : tensor<4xbf16>, tensor<4xbf16>
    }
    ```

    After:

    ```mlir
    func.func @decode(%x: tensor<4xbf16> {pi.state = "x"}, %a: tensor<f32> {pi.name = "a"})
        -> (tensor<4xf32> {pi.name = "y"}, tensor<4xbf16> {pi.state = "x"}) {
      %0 = arith.extf %x fastmath<contract> : tensor<4xbf16> to tensor<4xf32>
      %1 = pi.mul %0, %a : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
      %2 = arith.truncf %1 fastmath<contract> : tensor<4xf32> to tensor<4xbf16>
      %3 = pi.relu %1 : tensor<4xf32>
      return %3, %2 : tensor<4xf32>, tensor<4xbf16>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def PiExpandBFloat16 : Pass<"pi-expand-bfloat16"> {
  let summary = "convert between bf16 and f32 by integer operations";
  let description = [{
    Replaces `arith.extf` and `arith.truncf` between bf16 and f32 by upstream's
    integer operations: for a processor without an instruction that rounds, LLVM
    calls a function that host code has no library for.

    ```mlir
    func.func @round(%x: f32) -> bf16 {
      %0 = arith.truncf %x : f32 to bf16
      return %0 : bf16
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // PI_CONVERSION_HOSTRUNTIME_PASSES_TD
