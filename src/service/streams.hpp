#pragma once

#include "rpc/json.hpp"

namespace thinsnap::service {

/// What a method has of its caller beside the parameters.
class Streams {
public:
    Streams() = default;
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;
    virtual ~Streams() = default;

    /// A descriptor to read the request's content from, or to write the answer's to. It stays the
    /// caller's. \throws rpc::Fault(invalid_params)  none was handed over
    [[nodiscard]] virtual int input() = 0;
    [[nodiscard]] virtual int output() = 0;

    /// Of a result with a long list in it: the members before the list, once; then its elements as
    /// they are found. The result itself is what stands behind the list.
    virtual void head(const rpc::Json& members) = 0;
    virtual void item(const rpc::Json& element) = 0;

    /// How far the work is; may be left unsaid.
    virtual void progress(const rpc::Json& facts) = 0;
};

} // namespace thinsnap::service
