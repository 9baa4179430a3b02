# The rehearsal model: speaks Ollama's protocol and answers from checked-in scripts. Never a model.
#
# The context is made by catalogue.ts: one bundled program and its scripts.
ARG BASE_IMAGE=node:24-bookworm-slim
FROM ${BASE_IMAGE}
WORKDIR /app
COPY . ./
ENV NODE_ENV=production NODE_OPTIONS=--enable-source-maps
USER 10003:10003
EXPOSE 11434
ENTRYPOINT ["node"]
CMD ["/app/rehearsal.js"]
