// SPDX-License-Identifier: BSD-3-Clause
// One case from its data to its record.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "campaign/campaign.hpp"
#include "models/attended.hpp"
#include "record/store.hpp"
#include "record/table.hpp"
#include "study/ceilings.hpp"
#include "study/devices.hpp"
#include "study/knowledge_cache.hpp"
#include "study/measure.hpp"
#include "study/watchdog.hpp"
#include "truth/oracle.hpp"
#include "truth/quantisation.hpp"
#include "truth/symmetry.hpp"

namespace knowscale {

// What cases of one launch share.
struct CaseContext {
  Timing timing;
  bool keep_io = false;
  bool count_messages = false;
  std::int64_t launch = 1;
  Ceilings* ceilings = nullptr;
  LstmOracle* lstm_oracle = nullptr;
  Watchdog* watchdog = nullptr;
  const DeviceOfRank* device = nullptr;  // of this rank; none where no case runs on devices
  KnowledgeCache* knowledge = nullptr;   // likewise
};

// What one rank tells about itself.
struct RankInfo {
  std::string host;
  std::string affinity;
  std::int64_t rows = 0;         // of the knowledge
  std::int64_t peak_memory = 0;  // bytes, of this case
  std::string device;            // where the case runs on devices
  std::int64_t ranks_on_device = 0;
};

// Complete on rank 0; `interrupted` and `valid` on all ranks.
struct CaseResult {
  bool interrupted = false;  // nothing else is set then
  Case ran;                  // the case with what was left to the cost model
  double exchange_predicted = 0;
  std::optional<Traffic> counted;  // what the rank that sent most really sent in a repetition
  bool valid = false;
  std::string reason;  // why not valid
  Measurement measurement;
  Cost cost;
  Bound bound;
  Verification verification;
  Quantisation quantisation;                                    // NaN where the knowledge is not in 8 bits
  double keys_read = std::numeric_limits<double>::quiet_NaN();  // share of the keys that an exact case screened
  std::vector<SymmetryCheck> symmetries;  // where the case asks for them, of small_for_symmetries()
  std::vector<Attended> attended;         // where it asks for top_k
  std::vector<RankInfo> ranks;
  std::vector<KeptMatrix> kept;
};

// Loads, prepares, measures and verifies the case with the model and back end it names. Collective over
// `comm`, which has c.ranks ranks. Throws CollectiveError for data and memory.
CaseResult run_case(const Case& c, const CaseContext& context, const Communicator& comm);

// The same with a model and back end of the caller's.
CaseResult run_case(const Case& c, const CaseContext& context, const Communicator& comm, const Model& model,
                    const Backend& backend);

// Its rows of /cases, /samples, /ranks, /verify, /symmetry and /attended. c: as the campaign asked. Reads words and
// labels of a knowledge-set file. Throws as inspect_knowledge_file.
std::vector<Table> case_tables(const Case& c, const CaseResult& result, std::int64_t launch);

}  // namespace knowscale
