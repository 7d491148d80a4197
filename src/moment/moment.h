#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bson/digest.h"
#include "bson/namespace.h"
#include "collection/manifest.h"
#include "moment/merge.h"

namespace varve::moment {

/// What a Moment starts from: the catalog and the documents of a snapshot, as its manifest describes them.
struct Base {
  /// Every collection, view and time-series of the base, the temporaries beside them too (RULES 4).
  std::vector<collection::CollectionEntry> collections;
  /// Exact: the base is the state at `time`. Otherwise it was read over a window that ended at `time`: entries up to
  /// then may already be in it, and it serves no moment before (RULES 3).
  bson::Timestamp time;
  bool exact = false;  ///< but for the documents of collections whose `how` is "window" or "fallback"
  /// Documents of collections whose `how` is "snapshot" are those of this very time, whatever `time` is.
  bson::Timestamp read_at;
  /// Documents were read at or after this, or what of the oplog has no beginning had ended before they were: it may
  /// begin inside of transactions that ended until then.
  bson::Timestamp from;
  bool at_least_5_0 = true;  ///< the server's version
  /// It works by the rules of 5.0 (featureCompatibilityVersion): it logs what a capped collection evicts, which is
  /// worked out here otherwise.
  bool logs_evictions = true;
};

/// The base that a manifest describes.
Base base_of(const collection::Manifest& manifest);

struct Options {
  /// The moment, inclusive as atClusterTime is; empty: after everything taken.
  std::optional<bson::Timestamp> until;
  /// What is wanted, by its name at the moment; a time-series by the name that users see. What is never part of a
  /// backup (RULES 7) and what was temporary at the moment is not given in any case.
  bson::NamespaceFilter filter;
  /// What the changes may take in memory. More goes to an unlinked file in `spill_folder`, sealed under a random key;
  /// without a folder it is kInvalidInput.
  uint64_t memory = 512u << 20;
  std::string spill_folder;
};

/// One collection, view or time-series as it was at the moment.
struct MomentCollection {
  /// Name, options and indexes of the moment. `order`, `average_chunk`, `how` and `as_read` are those of the base's
  /// file; a collection that is not in the base has an empty digest.
  collection::CollectionEntry entry;
  /// The index in Base::collections of what holds its documents; empty if all of them come out of the changes.
  std::optional<size_t> base;
  /// Nothing changed its documents: the base's file, or no document where there is no base, as it stands.
  bool untouched = true;
};

/// What became of the oplog; complete after finish().
struct Account {
  bson::Timestamp last;              ///< of the last entry taken
  uint64_t entries = 0;              ///< taken
  uint64_t operations = 0;           ///< that came to effect, wanted or not
  uint64_t already_in_base = 0;      ///< passed over: in effect at or before the time of an exact base
  uint64_t unfinished = 0;           ///< transactions that had neither committed nor aborted at the moment: not applied
  uint64_t undecided = 0;            ///< those of them that were prepared: a later commit entry could have counted
  uint64_t spilled = 0;              ///< bytes written to the spill folder until then
  std::vector<std::string> missing;  ///< what the base should have held and did not: the result is incomplete
};

/// Moment(T) = base ⊕ oplog (T0 .. T]: the catalog at T, and for every collection a merger of its base's documents with
/// what changed. Pure: knows neither server nor repository.
///
///   TRY_ASSIGN(auto moment, Moment::open(base_of(manifest), options));
///   for (entry of oplog.bson, then of the slices) {
///     TRY(moment->take(entry));
///     if (moment->enough()) break;
///   }
///   TRY(moment->finish());
///   for (size_t i = 0; i < moment->collections().size(); ++i) {
///     const auto& c = moment->collections()[i];
///     if (c.untouched) { stream the base's file; continue; }
///     TRY_ASSIGN(auto merge, moment->merge(i));
///     ... as moment/merge.h says
///   }
///
/// Operations are folded per collection and `_id` as they enter, so memory follows the documents changed and is bounded
/// by Options::memory (RULES 10). Collections are known by UUID; names count at the moment only, and changes are kept
/// of whatever may still be renamed into what is wanted (RULES 4). One thread until finish(); afterwards collections()
/// and account() may be read by several, and different collections merged by several.
class Moment {
 public:
  /// kInvalidInput if the moment lies before what the base can serve, or the spill folder cannot be used; kCorrupt if
  /// two collections of the base have one UUID.
  static Result<std::unique_ptr<Moment>> open(Base base, Options options);
  ~Moment();

  /// One raw oplog entry, whose `ts` is not before that of the last one: an entry met again is passed over. The stream
  /// begins at or before the start of the oldest transaction open at the base's time (and, for a window, at or before
  /// the listing of its catalog). kCorrupt for what is no entry, kUnsupported with name and time for an operation that
  /// is not known, kInconsistent if the entry shows that the stream has a gap; a moment that failed is of no more use.
  Status take(ByteView entry);
  /// True once no further entry can matter: the moment has been passed, and no prepared transaction is undecided that
  /// a later entry may commit at or before it.
  bool enough() const;
  /// No more entries. Unfinished transactions are dropped.
  Status finish();

  /// Everything wanted, sorted by name: after finish().
  const std::vector<MomentCollection>& collections() const;
  const Account& account() const;
  /// The merger of one collection's documents. Valid as long as the Moment; once for each collection.
  Result<std::unique_ptr<Merge>> merge(size_t index);

 private:
  struct Parts;
  explicit Moment(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace varve::moment
