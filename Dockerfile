# s3portal's server with its console, for those who ran MyFSIO's image: the same ports and mount points.
#   docker build -t s3portal .
#   docker run --rm -p 5000:5000 -p 5100:5100 -v "$PWD/data:/app/data" -v "$PWD/logs:/app/logs" s3portal
# What the server stores is in /app/data/.s3portal; iam.json and bucket_policies.json are read from
# /app/data/.myfsio.sys/config. Take the objects over once, before the first start:
#   docker run --rm -v "$PWD/data:/app/data" s3portal s3portal server import-myfsio /app/data
# The mounted folders must belong to the user of the image: chown -R 10001 data logs
FROM python:3.12-slim
COPY . /tmp/source
RUN pip install --no-cache-dir "/tmp/source[server,console]" \
    && rm -r /tmp/source \
    && useradd --system --uid 10001 s3portal \
    && install -d -o s3portal /app/data /app/logs
USER s3portal
WORKDIR /app
ENV S3PORTAL_SERVER_MYFSIO=1 STORAGE_ROOT=/app/data APP_HOST=0.0.0.0 APP_PORT=5000 UI_PORT=5100
VOLUME ["/app/data", "/app/logs"]
EXPOSE 5000 5100
CMD ["s3portal", "server", "--log", "/app/logs/access.log"]
