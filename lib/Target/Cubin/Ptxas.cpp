//===- Ptxas.cpp - The assembler as a child process -----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Ptxas.h"

#include "pi/Support/TemporaryFile.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::pi;

std::string mlir::pi::findPtxas() {
  if (const char *home = std::getenv("CUDA_HOME")) {
    SmallString<128> path(home);
    llvm::sys::path::append(path, "bin", "ptxas");
    if (llvm::sys::fs::can_execute(path))
      return std::string(path);
  }
  if (llvm::sys::fs::can_execute(PI_CUDA_PTXAS))
    return PI_CUDA_PTXAS;
  if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName("ptxas"))
    return *path;
  return "";
}

/// The number right before `unit` in `line`, or 0.
static int64_t getNumberBefore(StringRef line, StringRef unit) {
  size_t end = line.find(unit);
  if (end == StringRef::npos)
    return 0;
  StringRef digits = line.take_front(end).rtrim();
  size_t begin = digits.find_last_not_of("0123456789");
  int64_t number = 0;
  digits.drop_front(begin == StringRef::npos ? 0 : begin + 1)
      .getAsInteger(10, number);
  return number;
}

/// Reads the report of `ptxas -v`: for each kernel a line that names it, one
/// with its spills, and one with its registers and static shared memory.
static SmallVector<KernelResources> parseReport(StringRef report) {
  SmallVector<KernelResources> kernels;
  for (StringRef line : llvm::split(report, '\n')) {
    if (line.contains("Compiling entry function")) {
      kernels.emplace_back();
      kernels.back().name = line.split('\'').second.split('\'').first.str();
    } else if (kernels.empty()) {
      continue;
    } else if (line.contains("bytes spill stores")) {
      kernels.back().spillBytes = getNumberBefore(line, " bytes spill stores") +
                                  getNumberBefore(line, " bytes spill loads");
    } else if (line.contains("registers")) {
      kernels.back().registers = getNumberBefore(line, " registers");
      kernels.back().sharedBytes = getNumberBefore(line, " bytes smem");
    }
  }
  return kernels;
}

/// The first line that says that wgmma was serialised (C7508 to C7519), which
/// makes a kernel several times slower without making it wrong.
static StringRef findSerialisation(StringRef report) {
  for (StringRef line : llvm::split(report, '\n'))
    for (unsigned code = 7508; code <= 7519; ++code)
      if (line.contains("C" + std::to_string(code)))
        return line.trim();
  return "";
}

FailureOr<Cubin> mlir::pi::runPtxas(Location loc, StringRef ptx,
                                    const CubinOptions &options) {
  std::string ptxas = options.ptxas.empty() ? findPtxas() : options.ptxas;
  if (ptxas.empty())
    return emitError(loc, "no CUDA assembler: install CUDA 13's ptxas on the "
                          "PATH or set CUDA_HOME to the toolkit");

  TemporaryFile input, output, log;
  std::error_code error = input.create("pi-kernels", "ptx", ptx);
  if (!error)
    error = output.create("pi-kernels", "cubin");
  if (!error)
    error = log.create("pi-kernels", "log");
  if (error)
    return emitError(loc, "cannot write a temporary file: ") << error.message();

  // Kernels are independent: assemble them on all cores.
  SmallVector<StringRef> args = {
      ptxas,          "-v",         "-O3", "--split-compile=0",
      "--gpu-name",   options.chip, "-o",  output.getPath(),
      input.getPath()};
  std::optional<StringRef> redirects[] = {StringRef(), log.getPath(),
                                          log.getPath()};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(ptxas, args, std::nullopt, redirects,
                                         /*SecondsToWait=*/0,
                                         /*MemoryLimit=*/0, &message);
  FailureOr<std::string> report = log.read();
  if (status != 0 || failed(report))
    return emitError(loc, "'")
           << ptxas << "' failed: " << message
           << (succeeded(report) ? StringRef(*report).rtrim() : StringRef());
  if (StringRef line = findSerialisation(*report); !line.empty())
    return emitError(loc, "ptxas serialised wgmma: ") << line;

  Cubin cubin;
  FailureOr<std::string> bytes = output.read();
  if (failed(bytes))
    return emitError(loc, "cannot read what ptxas wrote");
  cubin.bytes = std::move(*bytes);
  cubin.ptx = ptx.str();
  cubin.kernels = parseReport(*report);
  return cubin;
}
