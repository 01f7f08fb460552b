# The flights app with the framework. For your own app: leave the file of flights out, copy your modules, change CMD.

FROM python:3.12-slim AS build
WORKDIR /src
# The image's pip installs into an environment without one: what runs later cannot install anything.
RUN python -m venv --without-pip /opt/venv
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore XDG_CACHE_HOME=/opt/cache

# A layer of its own: dependencies change less often than the code.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > dependencies.txt \
    && pip --python /opt/venv/bin/python install --constraint constraints.txt --requirement dependencies.txt

# The file of flights comes in here: at run time there may be no package index to be reached.
COPY apps /app/apps
COPY framework framework
COPY LICENSE README.md ./
RUN pip --python /opt/venv/bin/python install --no-deps . \
    && PYTHONPATH=/app:/opt/venv/lib/python3.12/site-packages python -c "from apps.flights.data import fetch; fetch()" \
    && /opt/venv/bin/python -m compileall -q /app

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin app \
    && install --directory --owner app --group app /var/lib/framework
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/cache/framework /opt/cache/framework
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 XDG_CACHE_HOME=/opt/cache FRAMEWORK_DATADIR=/var/lib/framework
WORKDIR /app
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
CMD ["framework", "run", "apps.flights:app"]
