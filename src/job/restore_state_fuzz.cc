#include <cstdlib>

#include "base/fuzz.h"
#include "job/restore_state.h"

using namespace varve;

/// One document as both kinds: whatever is taken of it is written again as it was understood.
VARVE_FUZZ(restore_state) {
  if (bson::check_framing(bytes) != bytes.size() || !bson::validate(bytes)) return;
  const bson::Document document(bytes);
  const auto good = job::make_run("tree", "snapshot", "", 0);
  for (const auto& found :
       {job::decode_state({document}, {document}), job::decode_state({job::encode_run(good)}, {document})}) {
    for (const auto& [run, collections] : found) {
      for (const auto& [name, state] : collections) {
        const auto encoded = job::encode_collection(run.id, state);
        const auto again = job::decode_state({job::encode_run(run)}, {encoded});
        if (again.size() != 1 || !again[0].collections.contains(name)) std::abort();
        const auto twice = job::encode_collection(run.id, again[0].collections.at(name));
        if (as_text(twice.bytes()) != as_text(encoded.bytes())) std::abort();
      }
    }
  }
}
