#include <array>

#include "files/archive.h"

namespace varve::files {

std::string acl_text(ByteView attribute) {
  constexpr size_t kHead = 4, kEntry = 8;
  constexpr uint32_t kVersion = 2;
  struct Tag {
    uint16_t number;
    const char* name;
    bool has_id;
  };
  constexpr std::array<Tag, 6> kTags = {{{0x01, "user", false},
                                         {0x02, "user", true},
                                         {0x04, "group", false},
                                         {0x08, "group", true},
                                         {0x10, "mask", false},
                                         {0x20, "other", false}}};
  if (attribute.size() < kHead || (attribute.size() - kHead) % kEntry != 0 ||
      load_le<uint32_t>(attribute.data()) != kVersion) {
    return "";
  }
  std::string text;
  for (size_t at = kHead; at < attribute.size(); at += kEntry) {
    const auto number = load_le<uint16_t>(attribute.data() + at);
    const auto rights = load_le<uint16_t>(attribute.data() + at + 2);
    const auto id = load_le<uint32_t>(attribute.data() + at + 4);
    const Tag* tag = nullptr;
    for (const auto& known : kTags) {
      if (known.number == number) tag = &known;
    }
    if (tag == nullptr) return "";
    text += std::string(tag->name) + ":" + (tag->has_id ? std::to_string(id) : "") + ":";
    text += (rights & 4) != 0 ? 'r' : '-';
    text += (rights & 2) != 0 ? 'w' : '-';
    text += (rights & 1) != 0 ? 'x' : '-';
    text += '\n';
  }
  return text;
}

}  // namespace varve::files
