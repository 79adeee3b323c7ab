# Headrace in a container; the base image is an argument. It has not been built where it was written,
# for lack of Docker: tests read it, nothing more.
#
#   CPU, by default:
#     docker build -t headrace .
#     docker run --rm -v "$PWD:/work" headrace pack data/ food11.beton
#
#   GPU: torch's wheels of PyPI bring CUDA with them, so any base with Python will do; what the
#   machine needs is its driver and NVIDIA's container toolkit (docs/gpu.md: which wheels for which):
#     docker build -t headrace:cuda --build-arg TORCH_INDEX=https://pypi.org/simple \
#         --build-arg EXTRAS=dali,report .
#     docker run --rm --gpus all --shm-size 8g -v "$PWD:/work" headrace:cuda train --data food11.beton
#
#   A base that has CUDA already, with Python 3.10 to 3.13 in it:
#     docker build -t headrace:cuda --build-arg BASE=nvcr.io/nvidia/pytorch:NN.NN-py3 \
#         --build-arg TORCH_INDEX=https://pypi.org/simple .
ARG BASE=python:3.12-slim
FROM ${BASE}

# Of torch and torchvision alone; everything else comes from PyPI.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=report

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY headrace headrace
COPY pipeline pipeline
COPY augment augment
COPY train train
COPY tools tools
COPY bench bench
RUN pip install --no-cache-dir --index-url "${TORCH_INDEX}" "torch>=2.12" "torchvision>=0.27" \
    && pip install --no-cache-dir ".[${EXTRAS}]" \
    && headrace --version

# Runs and compiled kernels are written here, as whoever starts the container says (--user).
ENV XDG_CACHE_HOME=/tmp/cache
WORKDIR /work
ENTRYPOINT ["headrace"]
CMD ["--help"]
