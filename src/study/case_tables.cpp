// SPDX-License-Identifier: BSD-3-Clause
// The result file's columns, each named, with its units, in one place.
#include <algorithm>
#include <limits>
#include <utility>

#include "campaign/keys.hpp"
#include "problem/sequence.hpp"
#include "study/case_run.hpp"

namespace knowscale {
namespace {

using Ints = std::vector<std::int64_t>;
using Reals = std::vector<double>;
using Texts = std::vector<std::string>;

Column integer(std::string name, std::string long_name, std::int64_t value) {
  return {std::move(name), "1", std::move(long_name), Ints{value}};
}
Column real(std::string name, std::string units, std::string long_name, double value) {
  return {std::move(name), std::move(units), std::move(long_name), Reals{value}};
}
Column text(std::string name, std::string long_name, std::string value) {
  return {std::move(name), "", std::move(long_name), Texts{std::move(value)}};
}

double median_of(const std::vector<Sample>& samples, double Sample::*member) {
  Reals values;
  for (const Sample& sample : samples) values.push_back(sample.*member);
  return quantile(values, 0.5);
}

void add_times(std::vector<Column>& columns, const Measurement& measurement, std::int64_t launch) {
  const MedianInterval& seconds = measurement.seconds;
  const std::vector<Sample>& samples = measurement.samples;
  columns.push_back(integer("launch", "launch of the program that measured it, from 1", launch));
  columns.push_back(integer("repetitions", "measured repetitions", static_cast<std::int64_t>(samples.size())));
  columns.push_back(real("seconds_median", "s", "median time of a repetition, maximum over ranks", seconds.median));
  columns.push_back(real("seconds_low", "s", "low end of the median's 95 % interval", seconds.low));
  columns.push_back(real("seconds_high", "s", "high end of the median's 95 % interval", seconds.high));
  columns.push_back(
      text("stopped_by", "what ended the repetitions: interval, time or repetitions", measurement.stopped_by));
  columns.push_back(real("compute", "s", "median over repetitions of the mean compute time over ranks",
                         median_of(samples, &Sample::compute)));
  columns.push_back(real("copy", "s", "median of the mean time over ranks of copies between host and device",
                         median_of(samples, &Sample::copy)));
  columns.push_back(real("exchange", "s", "median of the time after the last rank had computed",
                         median_of(samples, &Sample::exchange)));
  columns.push_back(real("wait", "s", "median of the mean time over ranks spent waiting for slower ranks",
                         median_of(samples, &Sample::wait)));
  columns.push_back(real("exchange_hidden", "s",
                         "median of the mean time over ranks of compute while messages were under way",
                         median_of(samples, &Sample::hidden)));
}

void add_rating(std::vector<Column>& columns, const CaseResult& result) {
  columns.push_back(real("flops", "FLOP", "floating-point operations of a repetition, all ranks", result.cost.flops));
  columns.push_back(real("bytes_read", "B", "bytes of the largest shard, read once", result.cost.bytes_read));
  columns.push_back(real("bytes_sent", "B",
                         "bytes sent by the rank that sends most, by the formulas of reductions and models",
                         result.cost.bytes_sent));
  columns.push_back(
      real("messages_sent", "1", "messages sent by the rank that sends most, by the formula", result.cost.messages));
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  const Traffic counted = result.counted.value_or(Traffic{nothing, nothing});
  columns.push_back(
      real("bytes_counted", "B", "bytes that the rank that sends most sent in fact, NaN: not counted", counted.bytes));
  columns.push_back(real("messages_counted", "1", "messages that it sent in fact, NaN: not counted", counted.messages));
  columns.push_back(real("exchange_predicted", "s", "exchange as the cost model expects it, nothing hidden",
                         result.exchange_predicted));
  columns.push_back(text("bound", "ceiling that bounds the case", result.bound.name));
  columns.push_back(real("fraction_of_bound", "1", "time at that ceiling over the median time", result.bound.fraction));
  columns.push_back(real("error", "1", "relative error against the oracle", result.verification.error));
  columns.push_back(real("error_bound", "1", "bound that the error is held against", result.verification.bound));
  columns.push_back(real("quantisation_error", "1",
                         "the error against knowledge in f32; NaN: the knowledge is not in 8 bits alone",
                         result.quantisation.error));
  columns.push_back(real("quantisation_bound", "1",
                         "bound of it by the scales of the bytes; NaN too where knowledge enters through moments",
                         result.quantisation.bound));
  columns.push_back(
      real("keys_read", "1",
           "of keys whose bytes were scored, the share that was read in f32 too; NaN: the case is not exact",
           result.keys_read));
  columns.push_back(integer("valid", "1: verified and not above a ceiling", result.valid ? 1 : 0));
  columns.push_back(text("reason", "why it is not valid", result.reason));
}

Table samples_table(const Case& c, const CaseResult& result, std::int64_t launch) {
  const std::vector<Sample>& samples = result.measurement.samples;
  const auto numbers = [&](double Sample::*member) {
    Reals values;
    for (const Sample& sample : samples) values.push_back(sample.*member);
    return values;
  };
  Ints repetitions;
  for (std::size_t i = 0; i < samples.size(); ++i) repetitions.push_back(static_cast<std::int64_t>(i + 1));
  return {"samples",
          {{"case", "1", "number of the case", Ints(samples.size(), c.number)},
           {"launch", "1", "launch of the program", Ints(samples.size(), launch)},
           {"repetition", "1", "repetition, from 1", repetitions},
           {"seconds", "s", "time of the repetition, maximum over ranks", numbers(&Sample::seconds)},
           {"compute", "s", "compute time, mean over ranks", numbers(&Sample::compute)},
           {"copy", "s", "copies between host and device, mean over ranks", numbers(&Sample::copy)},
           {"exchange", "s", "time after the last rank had computed", numbers(&Sample::exchange)},
           {"wait", "s", "waiting for slower ranks, mean over ranks", numbers(&Sample::wait)},
           {"exchange_hidden", "s", "compute while messages were under way, mean over ranks", numbers(&Sample::hidden)},
           {"skew", "s", "first to last start of a rank", numbers(&Sample::skew)}}};
}

Table ranks_table(const Case& c, const CaseResult& result, std::int64_t launch) {
  const std::size_t count = result.ranks.size();
  Ints ranks, rows, memory, sharing;
  Reals compute, copy, wait;
  Texts hosts, affinities, devices;
  for (std::size_t r = 0; r < count; ++r) {
    ranks.push_back(static_cast<std::int64_t>(r));
    rows.push_back(result.ranks[r].rows);
    memory.push_back(result.ranks[r].peak_memory);
    hosts.push_back(result.ranks[r].host);
    affinities.push_back(result.ranks[r].affinity);
    devices.push_back(result.ranks[r].device);
    sharing.push_back(result.ranks[r].ranks_on_device);
    compute.push_back(result.measurement.ranks[r].compute);
    copy.push_back(result.measurement.ranks[r].copy);
    wait.push_back(result.measurement.ranks[r].wait);
  }
  return {"ranks",
          {{"case", "1", "number of the case", Ints(count, c.number)},
           {"launch", "1", "launch of the program", Ints(count, launch)},
           {"rank", "1", "rank in the case's communicator", ranks},
           {"host", "", "host name", hosts},
           {"affinity", "", "cores that the rank may run on", affinities},
           {"device", "", "device that it computes on, - on the host", devices},
           {"ranks_on_device", "1", "ranks that have this device, 0 on the host", sharing},
           {"rows", "1", "knowledge vectors of its shard", rows},
           {"compute", "s", "median compute time", compute},
           {"copy", "s", "median time of copies between host and device", copy},
           {"wait", "s", "median time spent waiting", wait},
           {"peak_memory", "B", "largest resident memory during the case", memory}}};
}

Table symmetry_table(const Case& c, const CaseResult& result) {
  const std::size_t count = result.symmetries.size();
  const Case small = small_for_symmetries(c);
  Texts names, expected;
  Reals errors, bounds;
  Ints passed, told;
  for (const SymmetryCheck& check : result.symmetries) {
    names.emplace_back(name_of(check.symmetry));
    expected.emplace_back(check.should_keep ? "keeps" : "breaks");
    errors.push_back(check.error);
    bounds.push_back(check.bound);
    passed.push_back(check.passed() ? 1 : 0);
    told.push_back(check.told() ? 1 : 0);
  }
  return {"symmetry",
          {{"case", "1", "number of the case", Ints(count, c.number)},
           {"symmetry", "", "what was done to the inputs, or to how the work is divided", names},
           {"expected", "", "what the theory says that the model does: keeps or breaks", expected},
           {"error", "1", "largest difference over the largest output component", errors},
           {"bound", "1", "kept at or under it, broken far above", bounds},
           {"roundoff", "1", "unit roundoff of the sums", Reals(count, unit_roundoff(c.precision))},
           {"n", "1", "tokens of a sequence, of the small problem that it was checked on", Ints(count, small.n)},
           {"m", "1", "its knowledge vectors", Ints(count, small.m)},
           {"d", "1", "its width", Ints(count, small.d)},
           {"heads", "1", "its query heads", Ints(count, small.heads)},
           {"kv_heads", "1", "its key/value heads", Ints(count, small.kv_heads)},
           {"batch", "1", "its sequences", Ints(count, small.batch)},
           {"passed", "1", "1: as expected", passed},
           {"told", "1", "0: broken or not, the case would not have shown it", told}}};
}

Table attended_table(const Case& c, const CaseResult& result) {
  const std::size_t count = result.attended.size();
  const std::vector<RowRange> sequences = c.sequences();
  std::vector<std::string> words;
  Ints sequence, token, head, place, vector;
  Reals weight;
  Texts word, label;
  if (count > 0) words = token_words(c);
  for (const Attended& one : result.attended) {
    const auto at =
        std::find_if(sequences.begin(), sequences.end(), [&](const RowRange& range) { return one.token < range.end; });
    sequence.push_back(at - sequences.begin());
    token.push_back(one.token - at->begin);
    word.push_back(words.empty() ? "" : words[static_cast<std::size_t>(one.token)]);
    head.push_back(one.head);
    place.push_back(one.place);
    vector.push_back(one.vector);
    weight.push_back(one.weight);
  }
  if (count > 0) label = knowledge_labels(c, vector);
  label.resize(count);
  return {"attended",
          {{"case", "1", "number of the case", Ints(count, c.number)},
           {"sequence", "1", "sequence of the batch, from 0", sequence},
           {"token", "1", "token of the sequence, from 0", token},
           {"word", "", "its word, empty where the set has none", word},
           {"head", "1", "query head, from 0", head},
           {"place", "1", "place among the attended vectors, from 1", place},
           {"vector", "1", "row of the knowledge set", vector},
           {"weight", "1", "its weight under the softmax", weight},
           {"label", "", "its label, empty where the set has none", label}}};
}

}  // namespace

std::vector<Table> case_tables(const Case& c, const CaseResult& result, std::int64_t launch) {
  Table cases = {"cases", case_columns(result.ran)};
  cases.columns.push_back(integer("reused", "sequences that share what was made of the knowledge once; 0: nothing is",
                                  model_by_name(result.ran.model).structure.reuses() ? result.ran.batch : 0));
  cases.columns.push_back(
      text("reduction_asked", "reduction in the campaign: auto leaves it to the cost model", c.reduction));
  add_times(cases.columns, result.measurement, launch);
  add_rating(cases.columns, result);
  const Table verify = {
      "verify",
      {integer("case", "number of the case", c.number), text("check", "what was compared", result.verification.check),
       real("error", "1", "relative error", result.verification.error),
       real("bound", "1", "bound of the error", result.verification.bound)}};
  return {cases,  samples_table(c, result, launch),   ranks_table(c, result, launch),
          verify, symmetry_table(result.ran, result), attended_table(result.ran, result)};
}

}  // namespace knowscale
