//===- ExportPlan.cpp - Execution plans as JSON ---------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/Pirt/ExportPlan.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Dialect/Pirt/IR/Pirt.h"
#include "pi/Support/LocationName.h"
#include "pi/Support/OutputFile.h"
#include "pi/Transforms/Execution/Passes.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::pirt {
#define GEN_PASS_DEF_PIRTEXPORTPLAN
#include "pi/Target/Pirt/Passes.h.inc"
} // namespace mlir::pirt

using namespace mlir;
using namespace mlir::pirt;
using llvm::json::Array;
using llvm::json::fixUTF8;
using llvm::json::Object;

namespace {
class PlanExporter {
public:
  explicit PlanExporter(func::FuncOp plan) : plan(plan) {}
  FailureOr<llvm::json::Value> run();

private:
  LogicalResult describeArguments();
  FailureOr<Object> exportStep(Operation *op);
  Object exportGemm(GemmOp op);
  Object exportLaunch(LaunchOp op);
  llvm::json::Value getBuffer(Value value);

  func::FuncOp plan;
  DenseMap<Value, Object> buffers;
  Object parameters;
  Array outputs;
};
} // namespace

static std::string getElementName(Value value) {
  std::string name;
  llvm::raw_string_ostream(name)
      << cast<MemRefType>(value.getType()).getElementType();
  return name;
}

LogicalResult PlanExporter::describeArguments() {
  int64_t numInputs = 0, numOutputs = 0;
  for (BlockArgument argument : plan.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto text = [&](StringRef name) {
      return plan.getArgAttrOfType<StringAttr>(index, name);
    };
    Object &buffer = buffers[argument];
    if (text(pi::kNameAttr)) {
      buffer =
          Object{{"space", "input"}, {"index", numInputs++}, {"offset", 0}};
    } else if (auto state = text(pi::kStateAttr)) {
      buffer = Object{{"space", "state"},
                      {"name", fixUTF8(state.getValue())},
                      {"offset", 0}};
    } else if (auto parameter = plan.getArgAttrOfType<FlatSymbolRefAttr>(
                   index, pi::kParameterAttr)) {
      std::string name = fixUTF8(parameter.getValue());
      buffer = Object{{"space", "parameter"}, {"name", name}, {"offset", 0}};
      parameters[name] = getBufferBytes(cast<MemRefType>(argument.getType()));
    } else if (text(kOutputAttr)) {
      buffer =
          Object{{"space", "output"}, {"index", numOutputs++}, {"offset", 0}};
      auto type = cast<MemRefType>(argument.getType());
      // A scalar is a row of one element.
      FailureOr<MatrixView> view = getMatrixView(type);
      Object output{{"name", fixUTF8(text(kOutputAttr).getValue())},
                    {"dtype", getElementName(argument)},
                    {"columns", succeeded(view) ? view->columns : 1},
                    {"stride", succeeded(view) ? view->stride : 1}};
      outputs.push_back(std::move(output));
    } else {
      return plan.emitOpError("argument ")
             << index << " says neither what it holds nor what it takes";
    }
  }
  return success();
}

llvm::json::Value PlanExporter::getBuffer(Value value) {
  if (!value)
    return nullptr;
  ViewOrigin origin = getViewOrigin(value);
  if (auto alloc = origin.buffer.getDefiningOp<AllocOp>())
    return Object{
        {"space", "arena"},
        {"offset", static_cast<int64_t>(*alloc.getOffset()) + origin.offset}};
  Object buffer(buffers.find(origin.buffer)->second);
  buffer["offset"] = origin.offset;
  return buffer;
}

Object PlanExporter::exportGemm(GemmOp op) {
  GemmOp::Extents extents = op.getExtents();
  auto stride = [&](Value value) -> int64_t {
    auto type = cast<MemRefType>(value.getType());
    return op.getBatched() ? type.getShape().back()
                           : getMatrixView(type)->stride;
  };
  Object step{{"op", "gemm"},
              {"m", extents.m},
              {"n", extents.n},
              {"k", extents.k},
              {"batch", extents.batch},
              {"a", getBuffer(op.getA())},
              {"b", getBuffer(op.getB())},
              {"c", getBuffer(op.getC())},
              {"d", getBuffer(op.getD())},
              {"bias", getBuffer(op.getBias())},
              {"trans_a", op.getTransposeA()},
              {"trans_b", op.getTransposeB()},
              {"lda", stride(op.getA())},
              {"ldb", stride(op.getB())},
              {"ldc", stride(op.getC() ? op.getC() : op.getD())},
              {"ldd", stride(op.getD())},
              {"dtype", getElementName(op.getA())},
              {"d_dtype", getElementName(op.getD())},
              {"alpha", op.getAlpha().convertToDouble()},
              {"beta", op.getC() ? op.getBeta().convertToDouble() : 0.0},
              {"epilogue", stringifyEpilogue(op.getEpilogue())}};
  if (std::optional<uint64_t> algorithm = op.getAlgorithm())
    step["algorithm"] = static_cast<int64_t>(*algorithm);
  return step;
}

Object PlanExporter::exportLaunch(LaunchOp op) {
  Array arguments;
  for (Value buffer : op.getBuffers())
    arguments.push_back(getBuffer(buffer));
  if (!op.getTable().empty()) {
    Array table;
    for (Value buffer : op.getTable())
      table.push_back(getBuffer(buffer));
    arguments.push_back(Object{{"table", std::move(table)}});
  }
  Object step{{"op", "launch"},
              {"kernel", fixUTF8(op.getKernel().getLeafReference())},
              {"grid", Array(op.getGrid())},
              {"block", Array(op.getBlock())},
              {"shared_bytes", static_cast<int64_t>(op.getShared())},
              {"arguments", std::move(arguments)}};
  if (op.getProgrammatic())
    step["programmatic"] = true;
  return step;
}

FailureOr<Object> PlanExporter::exportStep(Operation *op) {
  return TypeSwitch<Operation *, FailureOr<Object>>(op)
      .Case([&](GemmOp op) { return exportGemm(op); })
      .Case([&](LaunchOp op) { return exportLaunch(op); })
      .Case([&](CopyOp op) {
        return Object{{"op", "copy"},
                      {"from", getBuffer(op.getSource())},
                      {"to", getBuffer(op.getTarget())},
                      {"bytes", getBufferBytes(op.getSource().getType())}};
      })
      .Default([](Operation *op) {
        return op->emitError("operation '")
               << op->getName() << "' is no step of an execution plan";
      });
}

FailureOr<llvm::json::Value> PlanExporter::run() {
  auto arenaBytes = plan->getAttrOfType<IntegerAttr>(kArenaBytesAttr);
  if (!arenaBytes)
    return plan.emitOpError("has no ")
           << kArenaBytesAttr << ": run pirt-plan-memory first";
  if (failed(describeArguments()))
    return failure();
  Array steps;
  for (Operation &op : plan.getBody().front()) {
    if (auto alloc = dyn_cast<AllocOp>(op)) {
      if (!alloc.getOffset())
        return alloc.emitError("has no offset: run pirt-plan-memory first");
      continue;
    }
    if (isa<func::ReturnOp, ViewOp>(op))
      continue;
    FailureOr<Object> step = exportStep(&op);
    if (failed(step))
      return failure();
    (*step)["location"] = pi::getLocationName(&op);
    steps.push_back(std::move(*step));
  }
  return llvm::json::Value(Object{{"arena_bytes", arenaBytes.getInt()},
                                  {"parameters", std::move(parameters)},
                                  {"outputs", std::move(outputs)},
                                  {"steps", std::move(steps)}});
}

FailureOr<llvm::json::Value> mlir::pirt::exportPlan(func::FuncOp plan) {
  return PlanExporter(plan).run();
}

SmallVector<func::FuncOp> mlir::pirt::getPlans(ModuleOp module) {
  SmallVector<func::FuncOp> plans;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(kArenaBytesAttr))
      plans.push_back(function);
  return plans;
}

namespace {
struct ExportPlanPass : pirt::impl::PirtExportPlanBase<ExportPlanPass> {
  using Base::Base;

  void runOnOperation() override {
    Object plans;
    for (func::FuncOp function : getPlans(getOperation())) {
      FailureOr<llvm::json::Value> plan = exportPlan(function);
      if (failed(plan))
        return signalPassFailure();
      plans[fixUTF8(function.getName())] = std::move(*plan);
    }
    llvm::Error error = pi::writeOutputFile(output, [&](raw_ostream &os) {
      os << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(plans)));
    });
    if (error) {
      getOperation().emitError("cannot write '")
          << output << "': " << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }
};
} // namespace
