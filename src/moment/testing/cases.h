#pragma once

#include <map>
#include <string>
#include <vector>

#include "moment/moment.h"

namespace varve::moment::testing {

/// A collection and its documents, in natural order.
struct State {
  collection::CollectionEntry entry;
  std::vector<Bytes> documents;
};

/// A base, the oplog after it, and what a server had in the end.
struct Case {
  std::string name, server;
  bool fuzzy = false;  ///< the base was read while entries were written
  bson::Timestamp t0, t1;
  std::vector<State> base, final;
  std::vector<Bytes> entries;
};

/// tests/data/moment/NAME.zst; fails the test if that cannot be read.
Case load_case(const std::string& name);
/// The Base of a case; `exact` says whether to trust that it is.
Base base_of_case(const Case& recorded);

/// What came out of a Moment, by name.
struct Result {
  collection::CollectionEntry entry;
  std::vector<Bytes> documents;  ///< in the order in which they came
  bson::Digest digest;           ///< as the merge has it: of the base, with every share's change
  bool untouched = false;
  unsigned passes = 0;
};
struct Results {
  std::map<std::string, Result> collections;
  Account account;
};
/// Feeds every entry to a Moment and merges everything, with `threads` at once where order does not matter.
varve::Result<Results> run(const std::vector<State>& base, Base described, const std::vector<Bytes>& entries,
                           const Options& options, unsigned threads = 1);

/// Fails the test unless the results are the state: collections, options, indexes by name, documents (in order where
/// capped), digests. `any_field_order`: documents may have their fields in another order.
void expect_state(const Results& results, const std::vector<State>& state, bool any_field_order = false);

/// The digest of these documents as a server stores them.
bson::Digest digest_of(const std::vector<Bytes>& documents);

}  // namespace varve::moment::testing
