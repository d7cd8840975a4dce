#pragma once

#include <memory>
#include <utility>

#include <thinsnap/thin_pool.hpp>

namespace thinsnap::test {

/// Passes everything to another device but flushes, which it pretends to have done.
class ForgetfulDevice final : public BlockDevice {
public:
    explicit ForgetfulDevice(std::unique_ptr<BlockDevice> inner)
        : inner_(std::move(inner)) {}

    [[nodiscard]] std::uint64_t size() const override { return inner_->size(); }
    [[nodiscard]] std::uint64_t alignment() const override { return inner_->alignment(); }
    void read(std::uint64_t offset, std::span<std::byte> into) override {
        inner_->read(offset, into);
    }
    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        inner_->write(offset, from);
    }
    void flush() override {}
    void discard(std::uint64_t offset, std::uint64_t length) override {
        inner_->discard(offset, length);
    }
    void allocate(std::uint64_t offset, std::uint64_t length) override {
        inner_->allocate(offset, length);
    }
    void write_zeros(std::uint64_t offset, std::uint64_t length) override {
        inner_->write_zeros(offset, length);
    }

private:
    std::unique_ptr<BlockDevice> inner_;
};

/// A pool whose devices do not flush: what a test of flushes must notice.
class ForgetfulPool final : public ThinPool {
public:
    /// \param inner  must outlive this
    explicit ForgetfulPool(ThinPool& inner)
        : inner_(inner) {}

    [[nodiscard]] PoolStatus status() override { return inner_.status(); }
    [[nodiscard]] std::uint64_t chunk_size() const override { return inner_.chunk_size(); }
    void apply(std::span<const PoolOperation> operations,
               TransactionId from,
               TransactionId to) override {
        inner_.apply(operations, from, to);
    }
    [[nodiscard]] std::unique_ptr<BlockDevice> open_device(DeviceId id,
                                                           const OpenDevice& how) override {
        return std::make_unique<ForgetfulDevice>(inner_.open_device(id, how));
    }
    [[nodiscard]] std::unique_ptr<ReadView> read_view() override { return inner_.read_view(); }
    void grow_data(std::uint64_t bytes) override { inner_.grow_data(bytes); }
    void grow_metadata(std::uint64_t bytes) override { inner_.grow_metadata(bytes); }
    void commit() override { inner_.commit(); }

private:
    ThinPool& inner_;
};

} // namespace thinsnap::test
