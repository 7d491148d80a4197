#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "repo/json_reader.h"

namespace varve::maintenance {

/// An entry of a folder as its JSON stands in the repository. Members that are not set stay to the byte: times keep
/// their zones, and what varve does not know is not lost. What is set stands where restic puts it, so a tree that
/// restic wrote and that is changed here alone in these members is the tree that restic would have written.
class RawNode {
 public:
  /// kCorrupt if it is no object or one of the members below is not of its type.
  static Result<RawNode> parse(std::string json);

  const std::string& name() const { return name_; }  ///< the real bytes
  const std::string& type() const { return type_; }
  const std::vector<Id>& content() const { return content_; }
  const std::optional<Id>& subtree() const { return subtree_; }
  uint64_t size() const { return size_; }
  bool has_content() const { return has_content_; }  ///< not null

  void set_content(std::vector<Id> content);
  void set_size(uint64_t size);
  void set_subtree(const Id& tree);

  std::string json() const;

 private:
  struct Member {
    std::string key, value;
  };
  Status read(const Member& member);
  Status read_content(repo::JsonReader& in);
  std::vector<Member>::iterator find(std::string_view key);

  std::vector<Member> members_;
  std::string name_, type_;
  std::vector<Id> content_;
  std::optional<Id> subtree_;
  uint64_t size_ = 0;
  bool has_content_ = false;
};

/// The tree of these entries (see repo::split_nodes), as restic writes it.
std::string join_tree(const std::vector<std::string>& entries);

}  // namespace varve::maintenance
