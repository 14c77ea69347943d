//===- PirtOps.td - Operations of pirt ---------------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PIRT_IR_PIRTOPS_TD
#define PI_DIALECT_PIRT_IR_PIRTOPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "pi/Dialect/Pirt/IR/PirtDialect.td"

def PIRT_Buffer : StaticShapeMemRefOf<[F32, BF16, I32, I8]>;
def PIRT_FloatBuffer : StaticShapeMemRefOf<[F32, BF16]>;

def PIRT_AllocOp : PIRT_Op<"alloc"> {
  let summary = "a buffer in the arena";
  let description = [{
    A buffer that lives from its first to its last use. `offset`, in bytes, is
    its place in the arena, which `pirt-plan-memory` chooses.

    ```mlir
    %0 = pirt.alloc : memref<4x64xbf16>
    %1 = pirt.alloc offset 512 : memref<4x64xbf16>
    ```
  }];
  let arguments = (ins
    OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$offset);
  let results = (outs Res<PIRT_Buffer, "", [MemAlloc]>:$buffer);
  let assemblyFormat = "(`offset` $offset^)? attr-dict `:` type($buffer)";
  let hasVerifier = 1;
}

def PIRT_ViewOp : PIRT_Op<"view", [Pure]> {
  let summary = "a part of a buffer";
  let description = [{
    A buffer that begins `offset` elements behind the first one of another, and
    lies in that. It is no memory of its own: the other lives as long as its
    views are used.

    ```mlir
    func.func @second_half(%x: memref<4x64xbf16>, %y: memref<128xbf16>) {
      %0 = pirt.view %x from 128 : memref<4x64xbf16> to memref<2x64xbf16>
      %1 = pirt.view %0 from 0 : memref<2x64xbf16> to memref<128xbf16>
      pirt.copy %1 to %y : memref<128xbf16> to memref<128xbf16>
      return
    }
    ```
  }];
  let arguments = (ins PIRT_Buffer:$source,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$offset);
  let results = (outs PIRT_Buffer:$result);
  let assemblyFormat = [{
    $source `from` $offset attr-dict `:` type($source) `to` type($result)
  }];
  let hasVerifier = 1;
}

def PIRT_GemmOp : PIRT_Op<"gemm", [AttrSizedOperandSegments]> {
  let summary = "a product of two matrices";
  let description = [{
    `d = epilogue(alpha * op(a) * op(b) + beta * c + bias)`, summed in f32,
    where `op` transposes with `transpose_a` and `transpose_b`. `beta` is 1
    unless given. Without a transposition the shapes are a `m x k`, b `k x n`,
    bias `n`, c and d `m x n`; leading dimensions of a, c and d count as rows.
    With `batched`, a, b and d have rank 3 and their first dimension numbers
    independent products. a and b have one element type; d has that or f32, as
    has c; bias has that of d. Rows may be further apart than they are long. c may
    be d itself: the product is then added to what is there.

    Without bias and c, a b that is transposed may have more rows than d has
    columns, as many as fit between the rows of d: what they give is written
    there, and nobody reads it. So an awkward number of columns is computed as
    one that cuBLASLt has fast algorithms for.

    `algorithm` is the place of the chosen algorithm in cuBLASLt's heuristic
    order; without it, the runtime chooses.

    ```mlir
    func.func @products(%a: memref<4x64xbf16>, %w: memref<64x32xbf16>, %t: memref<32x64xbf16>,
                        %b: memref<32xbf16>, %c: memref<4x32xbf16>, %d: memref<4x32xbf16>) {
      pirt.gemm %a, %w bias %b epilogue gelu_tanh into %d
          : memref<4x64xbf16>, memref<64x32xbf16>, memref<32xbf16> -> memref<4x32xbf16>
      pirt.gemm %a, %t transpose_b plus %d into %c
          : memref<4x64xbf16>, memref<32x64xbf16> plus memref<4x32xbf16> -> memref<4x32xbf16>
      return
    }
    ```
  }];
  let arguments = (ins
    Arg<PIRT_FloatBuffer, "", [MemRead]>:$a,
    Arg<PIRT_FloatBuffer, "", [MemRead]>:$b,
    Arg<Optional<PIRT_FloatBuffer>, "", [MemRead]>:$bias,
    Arg<Optional<PIRT_FloatBuffer>, "", [MemRead]>:$c,
    Arg<PIRT_FloatBuffer, "", [MemWrite]>:$d,
    UnitAttr:$transpose_a,
    UnitAttr:$transpose_b,
    UnitAttr:$batched,
    DefaultValuedAttr<F64Attr, "1.0">:$alpha,
    DefaultValuedAttr<F64Attr, "1.0">:$beta,
    DefaultValuedAttr<PIRT_EpilogueAttr, "Epilogue::none">:$epilogue,
    OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$algorithm);
  let assemblyFormat = [{
    $a (`transpose_a` $transpose_a^)? `,` $b (`transpose_b` $transpose_b^)?
    (`batched` $batched^)? (`alpha` $alpha^)? (`bias` $bias^)?
    (`plus` $c^ (`scaled` $beta^)?)? (`epilogue` $epilogue^)?
    (`algorithm` $algorithm^)? `into` $d attr-dict `:` type($a) `,` type($b)
    (`,` type($bias)^)? (`plus` type($c)^)? `->` type($d)
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Value":$a, "::mlir::Value":$b,
                   "::mlir::Value":$bias, "::mlir::Value":$c,
                   "::mlir::Value":$d, "bool":$transposeB,
                   "::mlir::pirt::Epilogue":$epilogue)>
  ];
  let extraClassDeclaration = [{
    /// The extents of one product, and the number of products. n counts the
    /// rows of b beyond the columns of d.
    struct Extents {
      int64_t m, n, k, batch;
    };
    Extents getExtents();
  }];
  let hasVerifier = 1;
}

def PIRT_LaunchOp
    : PIRT_Op<"launch", [AttrSizedOperandSegments,
                         DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a launch of a kernel";
  let description = [{
    Launches a `gpu.func` of a `gpu.module` with one pointer for each buffer.
    `shared` is the dynamic shared memory in bytes. A kernel sees its buffers
    as it pleases, so only element types have to be those of its arguments.
    The addresses of the buffers of a `table` stand in one more argument of the
    kernel, a memref of i64: a kernel that works on hundreds of tensors has no
    argument for each.
    A `programmatic` kernel waits by itself for the work before it, so that its
    launch may overlap the end of that.

    ```mlir
    gpu.module @kernels {
      gpu.func @relu(%x: memref<256xf32>, %y: memref<256xf32>) kernel {
        gpu.return
      }
    }
    func.func @activation(%x: memref<4x64xf32>, %y: memref<4x64xf32>) {
      pirt.launch @kernels::@relu grid [2, 1, 1] block [128, 1, 1] (%x, %y)
          : memref<4x64xf32>, memref<4x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    SymbolRefAttr:$kernel,
    DenseI64ArrayAttr:$grid,
    DenseI64ArrayAttr:$block,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$shared,
    UnitAttr:$programmatic,
    Arg<Variadic<PIRT_Buffer>, "", [MemRead, MemWrite]>:$buffers,
    Arg<Variadic<PIRT_Buffer>, "", [MemRead, MemWrite]>:$table);
  let assemblyFormat = [{
    $kernel `grid` $grid `block` $block (`shared` $shared^)?
    (`programmatic` $programmatic^)? `(` $buffers `)` (`table` `(` $table^ `)`)?
    attr-dict (`:` type($buffers)^)? (`table` type($table)^)?
  }];
  let hasVerifier = 1;
}

def PIRT_CopyOp : PIRT_Op<"copy"> {
  let summary = "a copy between buffers";
  let description = [{
    Copies all bytes of a buffer to another of the same shape, which does not
    overlap it; both are contiguous.

    ```mlir
    func.func @save(%from: memref<4x64xf32>, %to: memref<4x64xf32>) {
      pirt.copy %from to %to : memref<4x64xf32> to memref<4x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    Arg<PIRT_Buffer, "", [MemRead]>:$source,
    Arg<PIRT_Buffer, "", [MemWrite]>:$target);
  let assemblyFormat = [{
    $source `to` $target attr-dict `:` type($source) `to` type($target)
  }];
  let hasVerifier = 1;
}

#endif // PI_DIALECT_PIRT_IR_PIRTOPS_TD
