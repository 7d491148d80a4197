#pragma once

#include <string>
#include <string_view>

namespace varve::cli {

/// What a file or folder of a snapshot is to its user: "collection shop.orders" for
/// "mongodb/shop/rs0/dump/shop/orders.bson"; the path itself, from the root, for what is no backup of MongoDB.
std::string in_words(std::string_view path);

}  // namespace varve::cli
