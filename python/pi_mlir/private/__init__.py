# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a model between two parties, and measures what the run sends."""
