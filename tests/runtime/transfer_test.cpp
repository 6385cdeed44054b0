// Tensors between the host and a fake of CUDA: pinned memory, copies that do not wait, streams, and
// what the host asks of CUDA at all.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "runtime/fake_cuda.hpp"
#include "sinter/sinter.hpp"

namespace {

using namespace sinter;
using sinter_test::fake;
using sinter_test::fake_cuda_scope;

template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const error& e) {
        return e.what();
    }
    return "nothing was thrown";
}
tensor<float, 2> counting(std::int64_t rows, std::int64_t columns) {
    tensor<float, 2> t(shape{rows, columns}, device::host());
    for (std::int64_t i = 0; i < t.size(); ++i) t.data()[i] = static_cast<float>(i);
    return t;
}
bool equal(const tensor<float, 2>& a, const tensor<float, 2>& b) {
    if (a.extents() != b.extents()) return false;
    for (std::int64_t i = 0; i < a.extent(0); ++i)
        for (std::int64_t j = 0; j < a.extent(1); ++j)
            if (a(i, j) != b(i, j)) return false;
    return true;
}

}  // namespace

TEST_CASE("work on the host asks CUDA at most for the number of devices") {
    const fake_cuda_scope scope;
    runtime::forget_default_device();
    set_default_device(device::host());
    {
        tensor<float, 2> a = counting(3, 4);
        const tensor<float, 2> b = exp(a) + transpose(transpose(a));
        a = b * 2;
        CHECK(eval(sum(a)).item() > 0);
        const event e(device::host());
        synchronize();
        CHECK(memory_stats().in_use > 0);
    }
    CHECK(fake().calls == 0);
    runtime::forget_default_device();
    CHECK((default_device() == device::cuda() || default_device() == device::host()));
    CHECK(fake().calls <= 1);
    CHECK(fake().count("device_count") == fake().calls);
    runtime::forget_default_device();
}

TEST_CASE("to(device, stream): nothing waits with pinned memory, everything does without") {
    const device d = device::cuda(), host = device::host();
    for (const std::int64_t rows : {0, 1, 3, 17})
        for (const bool pinned : {false, true})
            for (const bool transposed : {false, true}) {
                if (transposed && rows == 0) continue;
                CAPTURE(rows);
                CAPTURE(pinned);
                CAPTURE(transposed);
                const fake_cuda_scope scope;
                const std::int64_t live = runtime::live_allocations;
                {
                    const stream s(d);
                    const tensor<float, 2> plain = counting(rows, 5);
                    tensor<float, 2> x = pinned ? pin(plain) : plain;
                    CHECK(x.is_pinned() == (pinned && rows > 0));
                    if (transposed) x = transpose(x);  // a copy of it is not pinned
                    const bool waits = rows > 0 && (!pinned || (transposed && rows > 1));
                    tensor<float, 2> there = x.to(d, s);
                    CHECK(there.where() == d);
                    CHECK(fake().count("stream_synchronize") == (waits ? 1 : 0));
                    tensor<float, 2> back = there.to(host, s);
                    CHECK(back.is_pinned() == (rows > 0));
                    CHECK(fake().count("stream_synchronize") == (waits ? 1 : 0));
                    there = {};  // in flight
                    CHECK(fake().host_may_use(back.data()) == (rows == 0));
                    event done(d);
                    done.record(s);
                    done.synchronize();
                    CHECK(fake().host_may_use(back.data()));
                    CHECK(equal(back, transposed ? tensor<float, 2>(transpose(plain)) : plain));
                    CHECK(x.to(host, s).shares_memory(x));
                }
                CHECK(fake().clean());
                CHECK(runtime::live_allocations == live);
            }
}

TEST_CASE("copy_from fills arrays that exist; the source may be dropped at once") {
    const fake_cuda_scope scope;
    const device d = device::cuda();
    {
        const stream s(d);
        tensor<float, 2> there;
        {
            const stream_scope on(s);
            there = tensor<float, 2>(shape{4, 6}, d);
        }
        tensor<float, 2> back = empty_pinned<float>(4, 6);
        for (int i = 0; i < 3; ++i) {
            there.copy_from(pin(counting(4, 6)), s);
            back.copy_from(there, s);
        }
        s.synchronize();
        CHECK(equal(back, counting(4, 6)));
        CHECK(fake().mistakes.empty());
        const tensor<float, 2> kept = pin(counting(4, 6));
        there.copy_from(kept, s);
        const tensor<float, 2> same = there.clone();  // on the default stream, which does not wait
        CHECK(fake().mistakes.size() == 1);
        fake().mistakes.clear();
        CHECK(message_of([&] { there.copy_from(counting(4, 5), s); }) ==
              "copy_from: an array of shape (4, 5) does not fit into one of shape (4, 6).");
        CHECK(message_of([&] {
                  there.copy_from(transpose(counting(6, 4)), s);
              }).find("copy_from: both arrays of shape (4, 6) must be row-major") == 0);
        CHECK(message_of([&] {
                  there.copy_from(counting(4, 6), stream(device::host()));
              }).find("copy: a copy from host to cuda:0 needs a stream") == 0);
        tensor<float, 2> on_host = counting(4, 6) * 0;
        on_host.copy_from(back, s);
        CHECK(equal(on_host, back));
    }
    fake().mistakes.clear();
    CHECK(fake().clean());
}

TEST_CASE("record_stream keeps memory for the user's own work") {
    const fake_cuda_scope scope;
    const device d = device::cuda();
    const stream home(d), mine(d);
    tensor<float, 2> x;
    {
        const stream_scope on(home);
        x = zeros<float>(shape{2, 2}, d);
    }
    mine.wait(home);
    runtime::fill_zero(x.data(), d, 16, mine);  // stands for the user's kernel
    x.record_stream(mine);
    x = {};
    CHECK(fake().mistakes.empty());
    CHECK(fake().count("stream_wait_event") == 2);
}

TEST_CASE("without a CUDA device pinned memory is ordinary memory") {
    const fake_cuda_scope scope(0);
    const tensor<float, 2> x = empty_pinned<float>(3, 2);
    CHECK(!x.is_pinned());
    CHECK(x.where() == device::host());
    CHECK(equal(pin(counting(3, 2)), counting(3, 2)));
    CHECK(equal(counting(3, 2).to(device::host(), stream(device::host())), counting(3, 2)));
    CHECK(message_of([&] { (void)empty_pinned<float>(3, -2); }) ==
          "empty_pinned: the shape (3, -2) has a negative extent.");
}

#if SINTER_NVCC
// Kernels that nvcc compiled do nothing on the fake; what is said of their memory is seen.
TEST_CASE("an expression on another stream keeps its operands and targets until it has run") {
    const fake_cuda_scope scope;
    fake().any_kernel = true;
    const device d = device::cuda();
    const std::int64_t live = runtime::live_allocations;
    {
        const stream home(d), other(d);
        tensor<float, 2> x, y, z;
        {
            const stream_scope on(home);
            x = zeros<float>(shape{8, 8}, d);
            y = zeros<float>(shape{8, 8}, d);
        }
        other.wait(home);
        {
            const stream_scope on(other);
            z = x + 1;  // reads
            y += 1;     // writes
            z = z * 2;  // on the stream that allocated it
        }
        for (tensor<float, 2>* t : {&x, &y, &z}) {
            const int waits = fake().count("stream_wait_event");
            const bool elsewhere = t != &z;
            *t = {};
            CHECK(fake().count("stream_wait_event") == waits + elsewhere);
            CHECK(fake().last_free_stream == (elsewhere ? home : other).handle());
        }
    }
    CHECK(fake().clean());
    CHECK(runtime::live_allocations == live);
}

TEST_CASE("an assignment writes in place only where no other stream may still read") {
    const fake_cuda_scope scope;
    fake().any_kernel = true;
    const device d = device::cuda();
    {
        const stream home(d), other(d);
        const stream_scope on(home);
        const tensor<float, 2> x = zeros<float>(shape{8, 8}, d);
        tensor<float, 2> y = x + 1;
        const float* first = y.data();
        y = x + 2;
        CHECK(y.data() == first);
        other.wait(home);
        const tensor<float, 2> out = y.to(device::host(), other);  // reads y
        y = x + 3;
        CHECK(y.data() != first);
        const float* second = y.data();
        {
            const stream_scope elsewhere(other);
            other.wait(home);
            y = x + 4;
            CHECK(y.data() != second);
        }
        synchronize(d);
    }
    CHECK(fake().clean());
}

TEST_CASE("any call of an evaluation may fail: nothing leaked, the next evaluation works") {
    for (const int code : {2, 5, 700}) {
        const fake_cuda_scope scope;
        fake().any_kernel = true;
        const device d = device::cuda();
        const std::int64_t live = runtime::live_allocations;
        int n = 0, thrown = 0;
        for (bool reached = true; reached && n < 300;) {
            fake_cuda_scope::restart(++n, code);
            const auto work = [&] {
                const stream s(d);
                const stream_scope on(s);
                const tensor<float, 2> x = zeros<float>(shape{8, 300}, d);
                const tensor<float, 2> p = softmax(x);
                const tensor<float, 1> columns = sum(p, axis<0>);  // with a workspace
                const tensor<float, 2> y = matmul(p, transpose(x)) + sum(x, axis<1>);
                synchronize(s);
            };
            try {
                work();
            } catch (const device_error&) {
                ++thrown;
            }
            reached = fake().failed;
            CAPTURE(n);
            CAPTURE(code);
            CHECK(fake().clean());
            CHECK(runtime::live_allocations == live);
            CHECK(sinter_test::fake_cuda::last_error == 0);
            fake_cuda_scope::restart();
            work();
            CHECK(fake().clean());
        }
        CHECK(n > 30);
        CHECK(n < 300);
        CHECK(thrown > 15);
    }
}
#endif
