#pragma once

#include <functional>

#include "bson/digest.h"
#include "bson/document.h"

namespace varve::moment {

/// Documents of one collection of the base go in, its documents at the moment come out.
///
///   do {
///     for (document of the base's file) {            // several threads, each with a Share of its own
///       TRY_ASSIGN(const ByteView out, merge->next(document, share));
///       if (!out.empty()) use(out);
///     }
///     TRY(merge->rest(share, use));                  // one thread, when all of the file has gone in
///     TRY_ASSIGN(again, merge->again());
///   } while (again);
///   digest = base.as_read; for each share: digest += share.change;
///
/// Each pass over the base gives the documents of one part of the keys; there is one pass unless the changes of this
/// collection did not fit into memory. Where the collection has no base, next() is never called.
///
/// A document that changed comes out once, however often the base's file holds it. One that did not change comes out as
/// often as it goes in; that is once, since what moved while the base was read was deleted and inserted again, and
/// deletes and inserts are changes.
///
/// Fields come in the order of the server, but for one case that servers share: where a base read over a window held a
/// document with {$v: 1} updates of the window already, what these unset and set again may come behind what was set
/// later, as on a member that was synced meanwhile.
class Merge {
 public:
  /// One thread's part of the work.
  struct Share {
    /// What the base's digest has to be changed by to be that of the moment; counts wrap around.
    bson::Digest change;
    Bytes out, scratch;  ///< `out` holds what next() returned
  };
  using Emit = std::function<Status(ByteView document)>;

  virtual ~Merge() = default;

  /// True: order matters (a capped collection). Then one thread gives the file from its beginning to its end.
  virtual bool in_order() const = 0;
  /// What becomes of a document of the base: itself, another, or nothing (empty). Valid until the next call with that
  /// share, or as long as `document`. Thread-safe, between rest() and again() not to be called.
  virtual Result<ByteView> next(ByteView document, Share& share) = 0;
  /// After the whole file: the documents that it did not hold, in no order that means anything; where order matters, in
  /// the order of their insertion, and what had to wait for the end of the file before them.
  virtual Status rest(Share& share, const Emit& emit) = 0;
  /// True if the file has to be gone through once more, for other keys. While a collection is in a later pass it holds
  /// up to a quarter of Options::memory, so one such collection at a time stays within it.
  virtual Result<bool> again() = 0;
};

}  // namespace varve::moment
