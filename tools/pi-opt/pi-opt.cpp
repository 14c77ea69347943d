//===- pi-opt.cpp - Runs passes over model IR -----------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Registration.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

/// Whether the command line sends the result to a file.
static bool writesFile(llvm::ArrayRef<char *> args) {
  for (size_t i = 1; i < args.size(); ++i) {
    llvm::StringRef arg = args[i];
    if (arg == "-o" && i + 1 < args.size())
      return llvm::StringRef(args[i + 1]) != "-";
    if (arg.starts_with("-o=") || arg.starts_with("--o="))
      return !arg.ends_with("=-");
  }
  return false;
}

/// Gives an option another default, which the command line may override.
static void addDefault(llvm::SmallVectorImpl<char *> &args, char *option) {
  llvm::StringRef name = llvm::StringRef(option).ltrim('-').split('=').first;
  auto isSame = [&](llvm::StringRef arg) {
    return arg.ltrim('-').split('=').first == name;
  };
  if (llvm::none_of(args, isSame))
    args.insert(args.begin() + 1, option);
}

int main(int argc, char **argv) {
  llvm::SmallVector<char *> args(argv, argv + argc);
  // A file is read by the next tool, whose reports and errors speak of
  // locations such as "h.3.attn": it keeps them. A terminal gets the IR alone.
  char printLocations[] = "--mlir-print-debuginfo";
  if (writesFile(args))
    addDefault(args, printLocations);
  // An error about a function is not followed by the whole of it.
  char hideOperation[] = "--mlir-print-op-on-diagnostic=false";
  addDefault(args, hideOperation);

  mlir::DialectRegistry registry;
  mlir::pi::registerAllDialects(registry);
  mlir::pi::registerAllPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(args.size(), args.data(),
                        "pi-opt: rewrites, analyses and lowers models\n"
                        "Locations are kept where -o names a file; "
                        "--mlir-print-debuginfo=false drops them.\n",
                        registry));
}
