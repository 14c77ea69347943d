//===- PlanTest.cpp - Tests of reading execution plans --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cuda/Plan.h"
#include "TestFiles.h"

#include <nlohmann/json.hpp>

using namespace pi_runtime;
using nlohmann::json;

namespace {
/// A model of one product, one launch, a copy and a fill.
class PlanTest : public testing::Test {
protected:
  PlanTest() {
    ParameterInfo weight;
    weight.name = "w";
    weight.shape = {8, 16};
    weight.storageDtype = DataType::BF16;
    manifest.parameters.push_back(weight);
    manifest.states.push_back({"cache", DataType::BF16, {2, 1, 4, 8}});
    entry.name = "forward";
    entry.inputs.push_back(
        {{"input_ids", DataType::I32, {1, 4}}, std::nullopt});
    entry.outputs.push_back({"logits", DataType::F32, {1, 4, 15}});
    plan = json::parse(R"({
      "arena_bytes": 4096,
      "outputs": [{"name": "logits", "dtype": "bf16", "columns": 15, "stride": 16}],
      "steps": [
        {"op": "gemm", "location": "lm_head", "m": 4, "n": 15, "k": 8, "batch": 1,
         "a": {"space": "arena", "offset": 256},
         "b": {"space": "parameter", "name": "w", "offset": 0},
         "d": {"space": "output", "index": 0, "offset": 0},
         "c": null, "bias": null, "trans_a": false, "trans_b": false,
         "lda": 8, "ldb": 16, "ldd": 16, "dtype": "bf16", "d_dtype": "bf16",
         "alpha": 1.0, "beta": 0.5, "epilogue": "gelu_tanh", "algorithm": 3},
        {"op": "launch", "location": "h.0.ln_1", "kernel": "layer_norm",
         "grid": [4, 1, 1], "block": [128, 1, 1], "shared_bytes": 64,
         "programmatic": true,
         "arguments": [{"space": "input", "index": 0, "offset": 4},
                       {"i32": -5}, {"f32": 0.25}]},
        {"op": "copy", "location": "cache", "bytes": 128,
         "from": {"space": "arena", "offset": 0},
         "to": {"space": "state", "name": "cache", "offset": 0}},
        {"op": "fill", "location": "zero", "bytes": 16, "value": 7,
         "to": {"space": "arena", "offset": 4080}}]})");
  }

  Result<Plan> read() {
    entry.plan = plan.dump();
    return readPlan(manifest, entry);
  }

  /// The error of the plan in which the value at `pointer` is `value`.
  std::string errorWith(const std::string &pointer, const json &value) {
    json original = plan;
    plan[json::json_pointer(pointer)] = value;
    Result<Plan> result = read();
    plan = original;
    return result ? "no error" : result.status().message();
  }

  std::string errorWithout(size_t step, const char *field) {
    json original = plan;
    plan["steps"][step].erase(field);
    Result<Plan> result = read();
    plan = original;
    return result ? "no error" : result.status().message();
  }

  Manifest manifest;
  EntryPoint entry;
  json plan;
};

constexpr const char *where = "plan of entry point 'forward'";
} // namespace

TEST_F(PlanTest, ReadsEveryKindOfStep) {
  Result<Plan> result = read();
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->arenaBytes, 4096u);
  ASSERT_EQ(result->outputs.size(), 1u);
  EXPECT_EQ(result->outputs[0].dtype, DataType::BF16);
  EXPECT_EQ(result->outputs[0].byteSize(), 4u * 16 * 2);
  ASSERT_EQ(result->steps.size(), 4u);

  const auto &gemm = std::get<GemmStep>(result->steps[0].work);
  EXPECT_EQ(result->steps[0].location, "lm_head");
  EXPECT_EQ(gemm.n, 15);
  EXPECT_EQ(gemm.a.offset, 256u);
  EXPECT_EQ(gemm.b.space, BufferRef::Space::Parameter);
  EXPECT_FALSE(gemm.c || gemm.bias);
  EXPECT_EQ(gemm.ldc, 16);
  EXPECT_EQ(gemm.beta, 0.5f);
  EXPECT_EQ(gemm.epilogue, GemmStep::Epilogue::GeluTanh);
  EXPECT_EQ(gemm.algorithm, 3);

  const auto &launch = std::get<LaunchStep>(result->steps[1].work);
  EXPECT_EQ(launch.kernel, "layer_norm");
  EXPECT_EQ(launch.grid[0], 4u);
  EXPECT_TRUE(launch.programmatic);
  ASSERT_EQ(launch.arguments.size(), 3u);
  EXPECT_EQ(std::get<BufferRef>(launch.arguments[0]).offset, 4u);
  EXPECT_EQ(std::get<int32_t>(launch.arguments[1]), -5);
  EXPECT_EQ(std::get<float>(launch.arguments[2]), 0.25f);

  EXPECT_EQ(std::get<CopyStep>(result->steps[2].work).to.space,
            BufferRef::Space::State);
  EXPECT_EQ(std::get<FillStep>(result->steps[3].work).value, 7);
}

TEST_F(PlanTest, OutputsAreAsInTheManifestUnlessThePlanSays) {
  plan.erase("outputs");
  plan["steps"] = json::array();
  Result<Plan> result = read();
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->outputs[0].dtype, DataType::F32);
  EXPECT_EQ(result->outputs[0].rowStride, 15u);
}

TEST_F(PlanTest, NamesWhatIsWrong) {
  std::string steps = std::string(where) + ": steps";
  EXPECT_EQ(errorWith("/steps/0/op", "sort"),
            steps + "[0].op: unknown step 'sort'");
  EXPECT_EQ(errorWith("/steps/0/m", 0),
            steps + "[0].m: expected an integer in [1, 16777216], found 0");
  EXPECT_EQ(errorWith("/steps/0/lda", 7),
            steps + "[0].lda: expected an integer in [8, 16777216], found 7");
  EXPECT_EQ(errorWith("/steps/0/dtype", "i32"),
            steps + "[0].dtype: expected \"bf16\" or \"f32\"");
  EXPECT_EQ(errorWith("/steps/0/epilogue", "tanh"),
            steps +
                "[0].epilogue: expected \"none\", \"gelu_tanh\" or \"relu\"");
  EXPECT_EQ(errorWith("/steps/0/b/name", "v"),
            steps + "[0].b.name: the manifest has nothing of this name");
  EXPECT_EQ(errorWith("/steps/0/d/index", 1),
            steps + "[0].d.index: expected an integer in [0, 0], found 1");
  EXPECT_EQ(errorWith("/steps/1/grid", json::array({1, 1})),
            steps + "[1].grid: expected three integers");
  EXPECT_EQ(errorWith("/steps/2/to/space", "disk"),
            steps + "[2].to.space: no such buffer");
  EXPECT_EQ(errorWith("/outputs/0/dtype", "i32"),
            std::string(where) + ": outputs[0].dtype: expected the type of the "
                                 "output, or bf16 for one of f32");
  EXPECT_EQ(errorWithout(1, "kernel"),
            steps + "[1].kernel: missing; expected a string");
}

TEST_F(PlanTest, RefusesAccessOutsideABuffer) {
  std::string steps = std::string(where) + ": steps";
  EXPECT_EQ(errorWith("/steps/0/a/offset", 4090),
            steps + "[0].a: 64 bytes at offset 4090 do not fit its 4096 bytes");
  EXPECT_EQ(errorWith("/steps/0/k", 9).find(steps + "[0].lda"), 0u);
  EXPECT_EQ(errorWith("/steps/0/ldb", 17),
            steps + "[0].b: 268 bytes at offset 0 do not fit its 256 bytes");
  EXPECT_EQ(errorWith("/steps/2/bytes", 129),
            steps + "[2].to: 129 bytes at offset 0 do not fit its 128 bytes");
  EXPECT_EQ(errorWith("/steps/3/to/offset", 4081),
            steps +
                "[3].to: 16 bytes at offset 4081 do not fit its 4096 bytes");
}

TEST_F(PlanTest, ParametersMayBePadded) {
  EXPECT_EQ(read()->parameterBytes, std::vector<uint64_t>{256});
  plan["parameters"] = {{"w", 268}};
  plan["steps"][0]["ldb"] = 17;
  Result<Plan> result = read();
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->parameterBytes, std::vector<uint64_t>{268});

  std::string field = std::string(where) + ": parameters.";
  EXPECT_EQ(errorWith("/parameters/w", 255).find(field + "w: expected"), 0u);
  EXPECT_EQ(errorWith("/parameters/v", 256),
            field + "v: there is no parameter 'v'");
}

TEST_F(PlanTest, RefusesWhatIsNoPlan) {
  entry.plan = "[]";
  EXPECT_EQ(readPlan(manifest, entry).status().message(),
            std::string(where) + ": JSON is not an object");
  EXPECT_EQ(errorWith("/arena_bytes", -1)
                .find(std::string(where) + ": arena_bytes: expected"),
            0u);
}

TEST_F(PlanTest, FlippedBytesNeverCrash) {
  std::string text = plan.dump();
  size_t accepted = 0;
  for (size_t i = 0; i < text.size(); ++i)
    for (int change : {0x01, 0x20, 0x80}) {
      entry.plan = text;
      entry.plan[i] = static_cast<char>(entry.plan[i] ^ change);
      accepted += readPlan(manifest, entry).ok();
    }
  EXPECT_GT(accepted, 0u);
}
