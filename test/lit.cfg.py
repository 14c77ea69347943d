import os
import sys

import lit.formats

config.name = "pi-mlir"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".json"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)

config.environment["PATH"] = os.pathsep.join(
    [config.pi_tools_dir, config.llvm_tools_dir, os.environ["PATH"]]
)
config.environment["FILECHECK_OPTS"] = "-enable-var-scope"
config.substitutions.append(("%pi_source_dir", config.pi_source_dir))
config.substitutions.append(("%python", sys.executable))
