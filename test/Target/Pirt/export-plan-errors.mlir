// RUN: pi-opt %s -split-input-file --pirt-export-plan -verify-diagnostics

// The offsets of buffers are not planned.
func.func @unplanned(%x: memref<4xf32> {pi.name = "x"}) attributes {pirt.arena_bytes = 0 : i64} {
  // expected-error @+1 {{has no offset: run pirt-plan-memory first}}
  %0 = pirt.alloc : memref<4xf32>
  pirt.copy %x to %0 : memref<4xf32> to memref<4xf32>
  return
}

// -----

// A buffer of the plan that the runtime would not know how to fill.
// expected-error @+1 {{argument 0 says neither what it holds nor what it takes}}
func.func @unknown_argument(%x: memref<4xf32>) attributes {pirt.arena_bytes = 0 : i64} {
  return
}

// -----

// An operation that no runtime executes.
func.func @no_step(%x: memref<4xf32> {pi.name = "x"}) attributes {pirt.arena_bytes = 0 : i64} {
  // expected-error @+1 {{operation 'arith.constant' is no step of an execution plan}}
  %0 = arith.constant 0 : index
  return
}
