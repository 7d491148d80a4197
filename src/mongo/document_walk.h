#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace varve::mongo {

/// Walks the fields of a reply's document while its bytes come in, and keeps none of them: the driver takes for granted
/// that it can, and aborts where it cannot. Looks at what is inside of a field only for the zero at its end.
class DocumentWalk {
 public:
  /// A document of which so many bytes come after its length.
  void begin(uint64_t size);
  /// The next of these bytes, no more of them than there are. False if they are no document.
  bool saw(ByteView bytes);

 private:
  enum class Part : uint8_t { kType, kName, kLength, kValue };
  bool one(uint8_t byte);
  bool begin_value();
  bool know_length();
  bool begin_skip(uint64_t size);
  bool end_value(uint8_t last) const;

  Part part_ = Part::kType;
  uint64_t left_ = 0;        ///< bytes of the document still to come
  uint64_t value_left_ = 0;  ///< of them, those of the value under way
  uint8_t type_ = 0;
  bool ends_in_zero_ = false;  ///< the value under way must
  std::array<uint8_t, 5> length_{};
  size_t have_ = 0, wanted_ = 0;   ///< of `length_`
  std::array<uint8_t, 5> name_{};  ///< its beginning, with the zero at its end
  size_t name_size_ = 0;
  uint64_t number_ = 0;  ///< the last eight bytes of the value, the latest uppermost
};

}  // namespace varve::mongo
