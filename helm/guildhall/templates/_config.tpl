{{- /* Amounts as strings, as the operator's configuration wants them. Call with resources. */}}
{{- define "guildhall.amounts" -}}
{{- $result := dict }}
{{- range $kind, $amounts := . }}
{{- $strings := dict }}
{{- range $name, $amount := $amounts }}
{{- $_ := set $strings $name (toString $amount) }}
{{- end }}
{{- $_ := set $result $kind $strings }}
{{- end }}
{{- toJson $result }}
{{- end }}

{{- /* What the operator reads: operator/config.ts is its schema. */}}
{{- define "guildhall.config" -}}
agents:
  image: {{ include "guildhall.image" (list . "agent") }}
  imagePullPolicy: {{ .Values.images.agent.pullPolicy }}
  maxAgents: {{ .Values.agents.maxAgents }}
  idleSeconds: {{ .Values.agents.idleSeconds }}
  maxTasks: {{ .Values.agents.maxTasks }}
  serviceAccountName: {{ include "guildhall.fullname" . }}-agent
  hubUrl: {{ include "guildhall.url" (list . "hub" 8080) }}
  resources:
    agent: {{ include "guildhall.amounts" .Values.agents.resources.agent }}
    sandbox: {{ include "guildhall.amounts" .Values.agents.resources.sandbox }}
  workspaceSizeLimit: {{ .Values.agents.workspaceSizeLimit | quote }}
  runtimeClassName: {{ .Values.agents.runtimeClassName | quote }}
  nodeSelector: {{ .Values.agents.nodeSelector | toJson }}
  tolerations: {{ .Values.agents.tolerations | toJson }}
forge:
  url: {{ include "guildhall.url" (list . "forge" 8080) }}
  tokenFile: /var/run/secrets/guildhall/forge/token
{{ include "guildhall.models" . | fromJson | toYaml }}
log:
  level: {{ .Values.operator.logLevel }}
{{- end }}
