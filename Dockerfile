# Headrace in a container; the base image is an argument. Built and run with Buildah and runc on Debian
# with Python 3.12 and 3.13 in the place of the default base; the default base itself, its index of
# CPU wheels and --gpus have not been tried.
#
#   CPU, by default:
#     docker build -t headrace .
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" -v headrace-cache:/tmp/cache \
#         headrace pack data/ food11.beton
#
#   GPU: torch's wheels of PyPI bring CUDA with them, so any base with Python will do; what the
#   machine needs is its driver and NVIDIA's container toolkit (docs/gpu.md: which wheels for which):
#     docker build -t headrace:cuda --build-arg TORCH_INDEX=https://pypi.org/simple \
#         --build-arg EXTRAS=dali,report .
#     docker run --rm --gpus all --shm-size 8g --user "$(id -u):$(id -g)" -v "$PWD:/work" \
#         -v headrace-cache:/tmp/cache headrace:cuda train --data food11.beton
#
#   `docker stop -t 60` leaves a training the time to save what it has.
#
#   A base that has CUDA already, with Python 3.10 to 3.13 in it and a torch after 2.12:
#     docker build -t headrace:cuda --build-arg BASE=nvcr.io/nvidia/pytorch:NN.NN-py3 \
#         --build-arg TORCH_INDEX=https://pypi.org/simple .
ARG BASE=python:3.12-slim
FROM ${BASE}

# Of torch and torchvision alone; everything else comes from PyPI.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=report

WORKDIR /src
RUN pip install --no-cache-dir --index-url "${TORCH_INDEX}" "torch>=2.12" "torchvision>=0.27"
COPY pyproject.toml README.md LICENSE ./
COPY headrace headrace
COPY pipeline pipeline
COPY augment augment
COPY train train
COPY tools tools
COPY bench bench
RUN pip install --no-cache-dir ".[${EXTRAS}]" && headrace --version && rm -rf build ./*.egg-info

# Whoever starts the container (--user) compiles kernels into the one, whose volume keeps them, and
# writes files and runs into the other.
ENV XDG_CACHE_HOME=/tmp/cache NUMBA_CACHE_DIR=/tmp/cache/numba
RUN mkdir -m 1777 /tmp/cache && mkdir -p /work && chmod 1777 /work
WORKDIR /work
ENTRYPOINT ["headrace"]
CMD ["--help"]
