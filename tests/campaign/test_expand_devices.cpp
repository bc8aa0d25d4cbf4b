// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include "campaign/small_study.hpp"
#include "kernels/engine.hpp"

namespace knowscale {
namespace {

// An LSTM runs on the host or on the device, one way each.
double only_in_f32(const AttentionInput<float>&, MatrixView<float>, const Threads&) { return 0; }
const Engine& with_devices() {
  static const Devices devices = {};
  static const Engine engine = {.name = "with devices", .devices = &devices};
  return engine;
}

// As if this build had kernels of devices, and this machine a device.
void add_devices(ExpansionContext& c) {
  c.names.without_devices.reset();
  for (const char* name : {"cublas", "cuda"}) {
    Kernel kernel = kernel_by_name("reference");
    kernel.name = name;
    kernel.compute = only_in_f32;
    kernel.widest_head = std::string_view(name) == "cuda" ? 256 : 0;
    kernel.engine = with_devices;
    c.names.kernels.push_back(kernel);
  }
}

TEST(Expand, SaysWhyThereAreNoKernelsOfDevices) {
  ExpansionContext c = four_ranks();
  Study s = small_study();
  s["kernel"] = {"cuda"};
  for (const ExitStatus status : {ExitStatus::usage, ExitStatus::resource}) {
    c.names.without_devices = Error(status, "there is none");
    try {
      cases_of(s, c);
      FAIL() << "not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), status);
      EXPECT_NE(std::string(error.what()).find("kernel \"cuda\": there is none"), std::string::npos) << error.what();
    }
  }
  add_devices(c);
  EXPECT_NO_THROW(cases_of(s, c));
}

TEST(Expand, TransportIsHeededWhereStatesOfDevicesAreMergedThere) {
  ExpansionContext c = four_ranks();
  add_devices(c);
  Study s = small_study();
  s["model"] = {"knowledge"};
  s["kernel"] = {"simd", "cuda"};
  s["reduction"] = {"two_phase"};
  s["transport"] = {"host", "nccl"};
  std::vector<std::pair<std::string, Transport>> found;
  for (const Case& one : cases_of(s, c)) {
    if (one.ranks == 1) found.emplace_back(one.kernel, one.options.transport);
  }
  const std::vector<std::pair<std::string, Transport>> expected = {
      {"simd", Transport::host}, {"cuda", Transport::host}, {"cuda", Transport::nccl}};
  EXPECT_EQ(found, expected);
  s["overlap"] = {"yes"};
  EXPECT_THROW(cases_of(s, c), Error) << "collectives over device memory block";
  s["overlap"] = {"no"};
  s["reduction"] = {"packed"};
  EXPECT_THROW(cases_of(s, c), Error) << "merges on the host";
  s["kernel"] = {"simd"};
  EXPECT_NO_THROW(cases_of(s, c));
}

TEST(Expand, HeadsWiderThanTheFusedKernelsAreRefused) {
  ExpansionContext c = four_ranks();
  add_devices(c);
  Study s = small_study();
  s["model"] = {"knowledge"};
  s["kernel"] = {"cuda"};
  s["d"] = {514};
  s["heads"] = s["kv_heads"] = {2};
  EXPECT_THROW(cases_of(s, c), Error);
  s["d"] = {512};
  EXPECT_NO_THROW(cases_of(s, c));
}

TEST(Expand, TellsKernelsOfDevicesFromOthersForAnLstm) {
  ExpansionContext c = four_ranks();
  add_devices(c);
  Study s = small_study();
  s["model"] = {"lstm"};
  s["precision"] = {"f32", "f64"};
  s["kernel"] = {"simd", "blas", "cublas", "cuda"};
  const std::vector<Case> both = cases_of(s, c);
  ASSERT_EQ(both.size(), 4U);
  for (std::size_t i = 0; i < both.size(); ++i) {
    EXPECT_EQ(both[i].kernel, i < 2 ? kUnused : "cuda");
    EXPECT_EQ(both[i].precision, i % 2 == 0 ? Precision::f32 : Precision::f64);
    EXPECT_EQ(both[i].reduction, kUnused);
  }
  s["kernel"] = {"cublas"};
  ASSERT_EQ(cases_of(s, c).size(), 2U);
  EXPECT_EQ(cases_of(s, c)[0].kernel, "cuda");
  s["model"] = {"linear"};  // has no softmax, and runs on the host alone
  s["precision"] = {"f32"};
  s["kernel"] = {"simd", "cuda"};
  ASSERT_EQ(cases_of(s, c).size(), 1U);
  EXPECT_EQ(cases_of(s, c)[0].kernel, kUnused);
}

}  // namespace
}  // namespace knowscale
