"""What `headrace.pipeline.resampling.kernel` is made of, written in LLVM IR as numba intrinsics.

LLVM does not vectorise these loops by itself (three interleaved channels, few taps). Addresses
are plain integers; nothing is checked here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FLOAT, BYTE, INT32, INT64 = ir.FloatType(), ir.IntType(8), ir.IntType(32), ir.IntType(64)
BYTES_PER_BLOCK = 64
"""How much of a row of bytes `combine_bytes` takes: a cache line, four vectors of 16 floats."""
FLOATS_PER_BLOCK = 64
"""How much of a row of floats `combine_floats` takes."""
Codegen = Callable[[Any, ir.IRBuilder, Any, list[ir.Value]], ir.Value]


def _load(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type) -> ir.Value:
    value = builder.load(builder.inttoptr(address, kind.as_pointer()))
    value.align = 1
    return value


def _store(builder: ir.IRBuilder, value: ir.Value, address: ir.Value) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = 1


def _add_weighted(
    builder: ir.IRBuilder, total: ir.Value, values: ir.Value, weight_at: ir.Value
) -> None:
    """total += values * (the float at an address), as fused multiply-adds."""
    lanes = values.type.count
    weight = _load(builder, weight_at, FLOAT)
    undefined = ir.Constant(values.type, ir.Undefined)
    first = builder.insert_element(undefined, weight, INT32(0))
    everywhere = ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes)
    weights = builder.shuffle_vector(first, undefined, everywhere)
    product = builder.fmul(values, weights, flags=("contract",))
    builder.store(builder.fadd(product, builder.load(total), flags=("contract",)), total)


def _weighted_sum(
    builder: ir.IRBuilder, source: ir.Value, step: ir.Value, args: list[ir.Value], start: float
) -> ir.Value:
    """start + the sum over k < count of weights[k] * the floats at source + k * step bytes.

    `args` are count, the address of the weights, and the number of lanes (a Python int).
    """
    count, weights, num_lanes = args
    lanes = ir.VectorType(FLOAT, num_lanes)
    total = cgutils.alloca_once_value(builder, ir.Constant(lanes, [start] * num_lanes))
    with cgutils.for_range(builder, count) as loop:
        values = _load(builder, builder.add(source, builder.mul(loop.index, step)), lanes)
        weight_at = builder.add(weights, builder.mul(loop.index, INT64(4)))
        _add_weighted(builder, total, values, weight_at)
    return builder.load(total)


def _to_bytes(builder: ir.IRBuilder, levels: ir.Value) -> ir.Value:
    lanes = levels.type.count
    whole = builder.fptosi(levels, ir.VectorType(INT32, lanes))
    return builder.trunc(whole, ir.VectorType(BYTE, lanes))


@intrinsic
def int64_at(context: Any, address: Any) -> tuple[Any, Codegen]:
    """The int64 at an address."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: list) -> ir.Value:
        return _load(builder, args[0], INT64)

    return types.int64(types.intp), generate


def _writer(value_type: types.Type) -> Any:
    def write(context: Any, address: Any, value: Any) -> tuple[Any, Codegen]:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: list) -> ir.Value:
            _store(builder, args[1], args[0])
            return context.get_dummy_value()

        return types.void(types.intp, value_type), generate

    return intrinsic(write)


put_int64 = _writer(types.int64)
put_float = _writer(types.float32)


@intrinsic
def put_zeros(context: Any, address: Any, num_bytes: Any) -> tuple[Any, Codegen]:
    """memset to 0."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: list) -> ir.Value:
        target = builder.inttoptr(args[0], BYTE.as_pointer())
        cgutils.memset(builder, target, args[1], 0)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate


@intrinsic
def allocate(context: Any, num_bytes: Any) -> tuple[Any, Codegen]:
    """malloc: an address, 0 where memory is out."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: list) -> ir.Value:
        kind = ir.FunctionType(BYTE.as_pointer(), [INT64])
        malloc = cgutils.get_or_insert_function(builder.module, kind, "malloc")
        return builder.ptrtoint(builder.call(malloc, args), INT64)

    return types.intp(types.intp), generate


@intrinsic
def release(context: Any, address: Any) -> tuple[Any, Codegen]:
    """free, of what `allocate` gave."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: list) -> ir.Value:
        kind = ir.FunctionType(ir.VoidType(), [BYTE.as_pointer()])
        free = cgutils.get_or_insert_function(builder.module, kind, "free")
        builder.call(free, [builder.inttoptr(args[0], BYTE.as_pointer())])
        return context.get_dummy_value()

    return types.void(types.intp), generate


@intrinsic
def copy_bytes(context: Any, source: Any, num_bytes: Any, out: Any) -> tuple[Any, Codegen]:
    """memcpy; numba's slice assignment copies byte by byte."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: list) -> ir.Value:
        source, num_bytes, out = args
        pointers = [builder.inttoptr(at, BYTE.as_pointer()) for at in (out, source)]
        cgutils.raw_memcpy(builder, *pointers, num_bytes, 1)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 3), generate


@intrinsic
def combine_bytes(
    context: Any, source: Any, stride: Any, count: Any, weights: Any, out: Any
) -> tuple[Any, Codegen]:
    """out[:64] (float32) = sum over k < count of weights[k] * source[k * stride :][:64] (uint8).

    `stride` is in bytes; `source`, `weights` (float32) and `out` are addresses.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: list) -> ir.Value:
        source, stride, count, weights, out = args
        lanes = ir.VectorType(FLOAT, 16)
        zero = ir.Constant(lanes, [0.0] * 16)
        totals = [cgutils.alloca_once_value(builder, zero) for _ in range(BYTES_PER_BLOCK // 16)]
        with cgutils.for_range(builder, count) as loop:
            address = builder.add(source, builder.mul(loop.index, stride))
            weight_at = builder.add(weights, builder.mul(loop.index, INT64(4)))
            row = _load(builder, address, ir.VectorType(BYTE, BYTES_PER_BLOCK))
            for i, total in enumerate(totals):
                places = ir.Constant(ir.VectorType(INT32, 16), list(range(16 * i, 16 * i + 16)))
                part = builder.shuffle_vector(row, ir.Constant(row.type, ir.Undefined), places)
                _add_weighted(builder, total, builder.uitofp(part, lanes), weight_at)
        for i, total in enumerate(totals):
            _store(builder, builder.load(total), builder.add(out, INT64(64 * i)))
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate


@intrinsic
def combine_floats(
    context: Any, source: Any, stride: Any, count: Any, weights: Any, out: Any
) -> tuple[Any, Codegen]:
    """out[:64] (uint8) = the rounded weighted sum of `count` rows of floats; see combine_bytes."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: list) -> ir.Value:
        source, stride, count, weights, out = args
        for i in range(0, FLOATS_PER_BLOCK, 16):
            at = builder.add(source, INT64(4 * i))
            levels = _weighted_sum(builder, at, stride, [count, weights, 16], 0.5)
            _store(builder, _to_bytes(builder, levels), builder.add(out, INT64(i)))
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate


@intrinsic
def pixel_to_bytes(
    context: Any, row: Any, count: Any, weights: Any, out: Any
) -> tuple[Any, Codegen]:
    """out[:3] (uint8) = the rounded weighted sum of `count` RGB pixels of a row of floats.

    Reads one float behind the last pixel and writes a fourth byte.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: list) -> ir.Value:
        row, count, weights, out = args
        levels = _weighted_sum(builder, row, INT64(12), [count, weights, 4], 0.5)
        _store(builder, _to_bytes(builder, levels), out)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4), generate


@intrinsic
def pixel_to_floats(
    context: Any, row: Any, count: Any, weights: Any, out: Any
) -> tuple[Any, Codegen]:
    """As pixel_to_bytes, but neither rounded nor converted; writes a fourth float."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: list) -> ir.Value:
        row, count, weights, out = args
        _store(builder, _weighted_sum(builder, row, INT64(12), [count, weights, 4], 0.0), out)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4), generate
